import { expect, it } from 'vitest'
import { closedLoop } from '../../../load/measure/driver.ts'
import { describeWithKafka } from '../../support/kafka.ts'
import { startEngine } from './engine.ts'
import { openTestLog } from './support.ts'

await describeWithKafka('runs on Kafka', ({ bootstrap, unique }) => {
  it('completes runs of three steps, in two processes one after the other', async () => {
    const prefix = `${unique('smoke')}.`
    for (const worker of ['first', 'second']) {
      const troubles: unknown[] = []
      // so long that a busy broker answers before it is over
      const log = await openTestLog(bootstrap, { prefix, partitions: 4, sessionTimeoutMs: 120_000 })
      const engine = await startEngine(log, { workerId: worker, onTrouble: (...trouble) => troubles.push(trouble) })
      const ends: string[] = []
      const result = await closedLoop(async (index) => ends.push(await engine.run(index)), 300, 32)
      expect(ends).toEqual(Array.from({ length: 300 }, () => 'RunCompleted'))
      expect(troubles).toEqual([])
      expect(result.runs).toBe(300)
      await engine.close()
      await log.close()
    }
  })
})
