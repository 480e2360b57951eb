/** The commands of docs/kafka.md show what it says they show. */
import { expect, it } from 'vitest'
import { record, request } from '../../conformance/log/harness.ts'
import { fenced, read } from '../../docs/documents.ts'
import { describeWithCluster } from '../../support/kafka.ts'
import { openTestLog } from './support.ts'

const TRANSACTIONS_TOOL = 'org.apache.kafka.tools.TransactionsCommand'
const commands = fenced(read('docs/kafka.md'), 'sh')
  .join('')
  .split('\n')
  .filter((line) => line.startsWith('kafka-transactions.sh'))

// a broker of its own: the search for hanging transactions fails when a topic goes while it looks, as those of other tests do
await describeWithCluster("Kafka's own tools", {}, (cluster) => {
  const run = async (line: string, prefix: string): Promise<string> => {
    const words = line
      .replace('broker-1:9092', cluster().bootstrap[0]!)
      .replaceAll('beamline.', prefix)
      .split(' ')
      .slice(1)
    const { code, stdout, stderr } = await cluster().tool(TRANSACTIONS_TOOL, words)
    expect(code, `${line}\n${stderr}`).toBe(0)
    return stdout
  }

  it('show the transactions of tasks', async () => {
    const prefix = 'tools.'
    const log = await openTestLog(cluster().bootstrap, { prefix })
    await (await log.openTask(0)).commit(request([record('events', 0, 'a')]))
    const [list = '', describe = '', hanging = ''] = commands
    expect(await run(list, prefix)).toContain(`${prefix}task.0`)
    expect(await run(describe, prefix)).toMatch(/CompleteCommit|Empty/)
    expect(await run(hanging, prefix)).not.toContain(prefix)
    await log.close()
  })

  it('have the command that ends one', () => {
    expect(commands.filter((line) => / abort --topic \S+ --partition \d+ --start-offset \d+$/.test(line))).toHaveLength(
      1,
    )
  })
})
