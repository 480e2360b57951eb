/**
 * Runs that are not counted, for a broker that was just started: until its JVM has compiled what it runs, which takes it half a minute and most of a core, everything is several
 * times as slow as it will be.
 */
import { parseArgs } from 'node:util'
import { toJsonText } from '../../schemas/json.ts'
import { closedLoop, payloadOf } from '../measure/driver.ts'
import { BenchEngine } from './engine.ts'
import { echoChain } from './flow-documents.ts'
import { newPlace, withKafka } from './place.ts'

const PAYLOAD_BYTES = 1024
const IN_FLIGHT = 64
const RUNS_AT_ONCE = 500

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { seconds: { type: 'string', default: '40' } } })
  const seconds = Number(values.seconds)
  await withKafka(async (kafka) => {
    const engine = await BenchEngine.start(newPlace(kafka).choice)
    try {
      await engine.publish('warm-up', echoChain('warm-up', 3))
      const one = (index: number): Promise<unknown> =>
        engine.run('warm-up', toJsonText(payloadOf(PAYLOAD_BYTES, index)))
      const until = performance.now() + seconds * 1000
      let runs = 0
      for (; performance.now() < until; runs += RUNS_AT_ONCE) await closedLoop(one, RUNS_AT_ONCE, IN_FLIGHT)
      console.log(JSON.stringify({ seconds, runs }))
    } finally {
      await engine.close()
    }
  })
}

await main()
