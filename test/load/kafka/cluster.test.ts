import { expect, it } from 'vitest'
import { CONSOLE_CONSUMER, consoleProducer, TOPICS_TOOL } from '../../../load/kafka/console-tools.ts'
import { describeWithKafka } from '../../support/kafka.ts'

await describeWithKafka("the run's Kafka", (kafka) => {
  it('keeps what its own console producer writes, for its own console consumer', async () => {
    const topic = kafka.unique('hello')
    const server = ['--bootstrap-server', kafka.bootstrap.join(',')]
    const created = await kafka.tool(TOPICS_TOOL, [...server, '--create', '--topic', topic, '--partitions', '1'])
    expect(created.stdout).toContain('Created topic')
    await kafka.tool(consoleProducer(kafka.version), [...server, '--topic', topic], { stdin: 'one\ntwo\n' })
    const limits = ['--from-beginning', '--max-messages', '2', '--timeout-ms', '60000']
    const read = await kafka.tool(CONSOLE_CONSUMER, [...server, '--topic', topic, ...limits])
    expect(read.stdout).toBe('one\ntwo\n')
  })
})
