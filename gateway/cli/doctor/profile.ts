/** `beamline doctor --profile 30s`: what a running process spends its time and memory on. */
import { writeFileSync } from 'node:fs'
import { parseDuration } from '../../../schemas/flow/duration.ts'
import { CliError, EXIT } from '../cli-error.ts'
import type { ProcessProfile } from '../dependencies.ts'
import { clean, type Look, table } from '../look.ts'
import type { Shell } from '../shell.ts'

export interface ProfileOptions {
  readonly profile: string
  readonly pid?: string
  readonly out?: string
}

const MAX_MS = 600_000
const TOP = 10

export async function profile(shell: Shell, dataFolder: string, options: ProfileOptions): Promise<void> {
  const ms = parseDuration(options.profile)
  if (ms === null || ms < 1 || ms > MAX_MS) {
    throw new CliError(EXIT.usage, `--profile is '${options.profile}'; expected a length of time up to 10m, e.g. 30s`)
  }
  const pid = options.pid === undefined ? null : Number(options.pid)
  if (pid !== null && !Number.isInteger(pid))
    throw new CliError(EXIT.usage, `--pid is '${options.pid}'; expected a process id`)
  if (!shell.json && !shell.quiet) shell.stderr.write(`profiling for ${options.profile} ...\n`)
  const found = await shell.profile({ dataFolder, pid, ms }).catch((error: unknown) => {
    throw new CliError(
      EXIT.failed,
      (error as Error).message,
      'Say which data folder with --data, which process with --pid.',
    )
  })
  const file = options.out ?? `beamline-${found.heap.pid}.cpuprofile`
  const summary = `${file.replace(/\.cpuprofile$/, '')}.heap.json`
  writeFileSync(file, JSON.stringify(found.profile))
  writeFileSync(summary, `${JSON.stringify(found.heap, null, 2)}\n`)
  const answer = { profile: file, heap_summary: summary, heap: found.heap, top: topFunctions(found.profile) }
  shell.print(answer, profileText(shell.look, found, file, summary), [file, summary])
}

interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  }[]
  readonly samples?: readonly number[]
  readonly timeDeltas?: readonly number[]
}

interface Hot {
  readonly name: string
  readonly ms: number
}

/** Functions by the time spent in themselves. */
export function topFunctions(profiled: unknown): readonly Hot[] {
  const { nodes, samples = [], timeDeltas = [] } = profiled as CpuProfile
  const names = new Map(
    nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => {
      const place = url === '' ? '' : ` ${url.split('/').slice(-2).join('/')}:${lineNumber + 1}`
      return [id, `${functionName === '' ? '(anonymous)' : functionName}${place}`]
    }),
  )
  const times = new Map<string, number>()
  for (const [index, id] of samples.entries()) {
    const name = names.get(id) ?? '(unknown)'
    times.set(name, (times.get(name) ?? 0) + (timeDeltas[index] ?? 0) / 1_000)
  }
  return [...times]
    .map(([name, ms]) => ({ name, ms: Math.round(ms * 10) / 10 }))
    .sort((a, b) => b.ms - a.ms)
    .slice(0, TOP)
}

function profileText(look: Look, { heap, profile: profiled }: ProcessProfile, file: string, summary: string): string {
  const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`
  const { rss, heapUsed, external } = heap.memory
  const rows = topFunctions(profiled).map(({ name, ms }) => [`${ms} ms`, name] as const)
  return [
    `process ${heap.pid}: heap ${mib(heapUsed)} of ${mib(heap.limit_bytes)}, external ${mib(external)}, resident ${mib(rss)}`,
    table(look, rows),
    `written: ${clean(file)} (open it in the Performance panel of Chrome or in an editor), ${clean(summary)}`,
    'Threads of the log, the read model and blocks are not in it.',
  ].join('\n')
}
