/** Cold start of the real process: from its start to the first `200` of `/readyz`, on a new data folder and on one it has used before. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { median } from '../measure/statistics.ts'
import { BeamlineProcess } from '../process/beamline-process.ts'
import { freePort } from '../process/free-ports.ts'
import { progress } from './child.ts'

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false }, rounds: { type: 'string' } } })
  const rounds = Number(values.rounds ?? (values.quick ? 2 : 5))
  const fresh: number[] = []
  const again: number[] = []
  for (let number = 0; number < rounds; number++) {
    const dataFolder = mkdtempSync(join(tmpdir(), 'beamline-start-'))
    try {
      for (const samples of [fresh, again]) {
        const beamline = await BeamlineProcess.start({ dataFolder, port: await freePort() })
        samples.push(beamline.startedInMs)
        await beamline.stop()
      }
    } finally {
      rmSync(dataFolder, { recursive: true, force: true })
    }
  }
  const result = { new_folder_ms: Math.round(median(fresh)), used_folder_ms: Math.round(median(again)), rounds }
  progress(`  ready after ${result.new_folder_ms} ms on a new folder, ${result.used_folder_ms} ms on a used one`)
  console.log(JSON.stringify(result))
}

await main()
