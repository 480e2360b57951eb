/** When nothing has moved for two minutes: what every process says of itself, how far the tasks are behind, and what every process is doing. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { TASK_TOPICS } from '../../schemas/topics.ts'
import type { Member } from './fleet.ts'
import type { Stage } from './stage.ts'

const STILL_MS = 120_000
const LOOK_MS = 1_000
const REPORT_WITHIN_MS = 5_000
const WANTED_METRICS = /^beamline_(task|executor|log|read_model|lag)[a-z_]*(\{[^}]*\})? /

export interface Watchdog {
  stop(): void
}

/** `onStill` is told in words, with the file of the dump; again for every two minutes. */
export function startWatchdog(stage: Stage, onStill: (message: string) => void): Watchdog {
  let movedAt = performance.now()
  let seen = 0
  const timer = setInterval(() => {
    const { ended } = stage.watch
    if (ended.size !== seen) {
      seen = ended.size
      movedAt = performance.now()
      return
    }
    if (performance.now() - movedAt < STILL_MS) return
    movedAt = performance.now()
    void dump(stage).then(
      (file) => onStill(`no run has ended for ${STILL_MS} ms; see ${file}`),
      (error: Error) => onStill(`no run has ended for ${STILL_MS} ms, and no dump could be made: ${error.message}`),
    )
  }, LOOK_MS)
  return { stop: () => clearInterval(timer) }
}

/** Writes states, lags and stacks to a file and answers its name. */
export async function dump(stage: Stage): Promise<string> {
  const parts = [
    `${stage.watch.open.size} runs open, ${stage.watch.ended.size} ended`,
    await lags(stage).catch((error: Error) => `lags: ${error.message}`),
    ...(await Promise.all(stage.fleet.members.map((member) => stateOf(stage, member)))),
  ]
  const file = join(stage.folder, `still-${Date.now()}.txt`)
  writeFileSync(file, parts.join('\n\n'))
  return file
}

async function lags({ cluster, names, partitions }: Stage): Promise<string> {
  const places = TASK_TOPICS.flatMap((topic) =>
    Array.from({ length: partitions }, (_, partition) => ({ topic: names.topic(topic), partition })),
  )
  const [committed, stable, end] = await Promise.all([
    cluster.client.committedOffsets(names.tasksGroup, places),
    cluster.client.listOffsets(places, 'stable'),
    cluster.client.listOffsets(places, 'end'),
  ])
  const lines = places.map(({ topic, partition }) => {
    const key = `${topic}/${partition}`
    return `${key}: committed ${committed.get(key)?.offset ?? '-'}, stable ${stable.get(key)}, end ${end.get(key)}`
  })
  return ['positions', ...lines].join('\n')
}

async function stateOf(stage: Stage, member: Member): Promise<string> {
  const reason = await stage.fleet.reason(member)
  const metrics = await fetch(`${member.url}/metrics`, { signal: AbortSignal.timeout(3_000) }).then(
    (response) => response.text(),
    (error: Error) => error.message,
  )
  const wanted = metrics.split('\n').filter((line) => WANTED_METRICS.test(line))
  const stack = await stackOf(member)
  const { running, output } = member.process
  return [`${member.name} (${running ? 'running' : 'ended'}): ${reason}`, ...wanted, stack, output.slice(-3_000)].join(
    '\n',
  )
}

/** From a diagnostic report, which the process writes on a signal. */
async function stackOf({ process, folder }: Member): Promise<string> {
  if (!process.running) return 'no stack'
  const reports = (): string[] => readdirSync(folder).filter((name) => name.startsWith('report.'))
  const before = new Set(existsSync(folder) ? reports() : [])
  process.child.kill('SIGUSR2')
  const until = performance.now() + REPORT_WITHIN_MS
  for (;;) {
    const made = reports().find((name) => !before.has(name))
    if (made !== undefined) {
      await pause(300)
      const { javascriptStack } = JSON.parse(readFileSync(join(folder, made), 'utf8')) as { javascriptStack: unknown }
      return `report ${made}: ${JSON.stringify(javascriptStack)}`
    }
    if (performance.now() > until) return 'it wrote no report: its event loop is stuck or it is stopped'
    await pause(50)
  }
}
