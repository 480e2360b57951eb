/** CPU and wake-ups of the real process with nothing to do, as the kernel counts them (Linux). `--log kafka`: on a broker. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { processCpuUs } from '../measure/process-cpu.ts'
import { round } from '../measure/statistics.ts'
import { BeamlineProcess } from '../process/beamline-process.ts'
import { freePort } from '../process/free-ports.ts'
import { progress } from './child.ts'
import { type BenchKafka, newPlace, onLog } from './place.ts'

interface Usage {
  readonly cpuSeconds: number
  /** Voluntary context switches of all threads: each is a wake-up that had nothing left to do. */
  readonly wakeUps: number
}

function usageOf(pid: number): Usage {
  const tasks = readdirSync(`/proc/${pid}/task`)
  const wakeUps = tasks.reduce((sum, task) => {
    const status = readFileSync(`/proc/${pid}/task/${task}/status`, 'utf8')
    return sum + Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)?.[1] ?? 0)
  }, 0)
  return { cpuSeconds: processCpuUs(pid) / 1e6, wakeUps }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      log: { type: 'string', default: 'embedded' },
    },
  })
  await onLog(values.log, (kafka) => measure(kafka, values.quick ? 5 : 30))
}

async function measure(kafka: BenchKafka | null, seconds: number): Promise<void> {
  const dataFolder = mkdtempSync(join(tmpdir(), 'beamline-idle-'))
  const env = kafka === null ? {} : newPlace(kafka).env
  const beamline = await BeamlineProcess.start({ dataFolder, port: await freePort(), env })
  try {
    const pid = beamline.child.pid!
    await pause(3000)
    const before = usageOf(pid)
    await pause(seconds * 1000)
    const after = usageOf(pid)
    const result = {
      seconds,
      core_percent: round(((after.cpuSeconds - before.cpuSeconds) / seconds) * 100),
      wake_ups_per_s: round((after.wakeUps - before.wakeUps) / seconds),
    }
    progress(`  ${result.core_percent} % of a core, ${result.wake_ups_per_s} wake-ups per second over all threads`)
    console.log(JSON.stringify(result))
  } finally {
    await beamline.stop()
    rmSync(dataFolder, { recursive: true, force: true })
  }
}

await main()
