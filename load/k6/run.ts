/**
 * `npm run load -- TEST [NAME=VALUE...] [--url URL | [--kafka [--roles ROLES ...]] [--nice 0..19]] [--report FOLDER]`: runs one of the k6 scripts against a Beamline that is there already, or against one
 * that it starts on an empty folder, with `--kafka` on a Kafka of its own. Ends with a report; the exit code is 0 only if every threshold was kept and every accepted run has ended.
 */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { buildK6, NoK6 } from './build.ts'
import { reportHtml } from './report.ts'
import { commitQuantile, type Sample, Sampler } from './sampler.ts'
import { accountOf, parseSeries, type Summary, thresholdsOf } from './summary.ts'
import { hasGateway, startTarget, type Target } from './target.ts'

const SCRIPTS = fileURLToPath(new URL('scripts/', import.meta.url))
const REPORTS = fileURLToPath(new URL('../reports/', import.meta.url))
/** These produce to Kafka themselves. */
const KAFKA_TESTS: ReadonlySet<string> = new Set(['kafka-ingest'])
/** Setup, teardown with its drain, and some to spare. */
const BESIDES_SECONDS = 300

/** The tests by name. */
export function loadTests(): readonly string[] {
  return readdirSync(SCRIPTS)
    .filter((file) => file.endsWith('.js'))
    .map((file) => file.slice(0, -3))
    .sort()
}

interface Request {
  readonly test: string
  readonly settings: { readonly [name: string]: string }
  readonly url: string | undefined
  readonly log: 'embedded' | 'kafka'
  readonly roles: readonly string[]
  readonly nice: number | null
  readonly reports: string
}

function requestOf(args: readonly string[]): Request {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      url: { type: 'string' },
      kafka: { type: 'boolean', default: false },
      roles: { type: 'string', multiple: true, default: [] },
      nice: { type: 'string' },
      report: { type: 'string', default: REPORTS },
    },
  })
  const [test = '', ...rest] = positionals
  if (!loadTests().includes(test)) {
    throw new UsageError(`there is no load test '${test}'; expected one of ${loadTests().join(', ')}`)
  }
  const settings = rest.map((text): [string, string] => {
    const [, name, value] = /^([A-Z][A-Z0-9_]*)=(.*)$/s.exec(text) ?? []
    if (name === undefined) throw new UsageError(`'${text}' is no setting; expected NAME=VALUE such as RATE=100`)
    return [name, value!]
  })
  if (values.kafka && values.url !== undefined) throw new UsageError('--url and --kafka exclude each other')
  const log = values.kafka || KAFKA_TESTS.has(test) ? 'kafka' : 'embedded'
  const { url, roles, report: reports } = values
  if (roles.length > 0 && (log !== 'kafka' || url !== undefined)) throw new UsageError('--roles goes with --kafka')
  if (roles.length > 0 && roles.filter(hasGateway).length !== 1) {
    throw new UsageError(`--roles ${roles.join(' --roles ')}: expected 'gateway' in exactly one of them`)
  }
  return { test, settings: Object.fromEntries(settings), url, log, roles, nice: niceOf(values.nice, url), reports }
}

function niceOf(text: string | undefined, url: string | undefined): number | null {
  if (text === undefined) return null
  if (url !== undefined) throw new UsageError('--nice is for processes that are started here, not for --url')
  if (!/^1?\d$/.test(text)) throw new UsageError(`--nice ${text}: expected a number from 0 to 19`)
  return Number(text)
}

class UsageError extends Error {}

async function main(args: readonly string[]): Promise<boolean> {
  const request = requestOf(args)
  const k6 = await buildK6((text) => console.error(text))
  const target = request.url === undefined ? await startTarget(request) : givenTarget(request.url)
  const folder = mkdtempSync(join(tmpdir(), 'beamline-k6-'))
  const clean = async (): Promise<void> => {
    rmSync(folder, { recursive: true, force: true })
    await target.close()
  }
  const interrupted = (): void => void clean().finally(() => process.exit(130))
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted)
  try {
    return await measure(k6, request, target, folder)
  } catch (error) {
    console.error(target.output().slice(-2000))
    throw error
  } finally {
    await clean()
  }
}

function givenTarget(url: string): Target {
  return { url, processes: [url], settings: {}, what: url, output: () => '', close: async () => {} }
}

async function measure(k6: string, request: Request, target: Target, folder: string): Promise<boolean> {
  const { test, settings } = request
  const startedAt = new Date()
  const sampler = new Sampler(target.processes)
  sampler.start()
  const files = { summary: join(folder, 'summary.json'), series: join(folder, 'series.jsonl') }
  const told = { ...target.settings, ...settings, BEAMLINE_URL: target.url, SUMMARY: files.summary }
  await runK6(k6, test, told, files.series)
  sampler.stop()
  const summary = JSON.parse(readFileSync(files.summary, 'utf8')) as Summary
  const series = parseSeries(readFileSync(files.series, 'utf8'))
  const facts: [string, string][] = [
    ...Object.entries(settings),
    ['server', target.what],
    ['machine', `${cpus()[0]?.model.trim() ?? 'unknown'} x ${availableParallelism()}, Node ${process.version}`],
  ]
  const report = join(request.reports, `${startedAt.toISOString().replace(/[:.]/g, '-').slice(0, 19)}-${test}.html`)
  mkdirSync(request.reports, { recursive: true })
  writeFileSync(report, reportHtml({ test, startedAt, facts, summary, series, samples: sampler.samples }))
  const account = accountOf(summary)
  const broken = thresholdsOf(summary).filter(({ ok }) => !ok)
  const cpu = cpuPerRun(sampler.samples, account.terminal)
  const rules = broken.map(({ metric, rule }) => `${metric}: ${rule}`)
  const commit = commitBounds(sampler.samples)
  console.log(JSON.stringify({ test, ...account, server_cpu_ms_per_run: cpu, ...commit, broken: rules, report }))
  return broken.length === 0 && account.balanced
}

/** Of the server, in milliseconds. */
function cpuPerRun(samples: readonly Sample[], runs: number): number | null {
  const [first, last] = [samples[0], samples.at(-1)]
  if (first === undefined || last === undefined || runs === 0) return null
  return Math.round(((last.cpuSeconds - first.cpuSeconds) / runs) * 100_000) / 100
}

/** Below what so many of the server's commits lay, in milliseconds. */
function commitBounds(samples: readonly Sample[]): { readonly [name: string]: number | null } {
  const [first, last] = [samples[0], samples.at(-1)]
  if (first === undefined || last === undefined) return {}
  const bound = (share: number): number | null => {
    const seconds = commitQuantile(first, last, share)
    return seconds === null ? null : seconds * 1000
  }
  return { commit_p50_ms: bound(0.5), commit_p95_ms: bound(0.95) }
}

async function runK6(k6: string, test: string, settings: Request['settings'], series: string): Promise<void> {
  const script = join(SCRIPTS, `${test}.js`)
  const environment = Object.entries(settings).flatMap(([name, value]) => ['-e', `${name}=${value}`])
  const limit = (await longest(k6, script, environment)) + BESIDES_SECONDS
  // k6 looks for a new version and tells of its use unless it is told not to
  const quiet = process.stdout.isTTY === true ? [] : ['--quiet']
  const args = ['run', '--no-usage-report', ...quiet, '--out', `series=${series}`, ...environment, script]
  // what k6 takes for its own garbage, or to get memory back that it has just given back, it takes from what it measures
  const env = { GOGC: '400', GODEBUG: 'madvdontneed=0', ...process.env }
  const child = spawn(k6, args, { env, stdio: ['ignore', 'inherit', 'inherit'] })
  const late = setTimeout(() => child.kill('SIGKILL'), limit * 1000)
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
  clearTimeout(late)
  // 99: a threshold was broken, which the summary tells
  if (code !== 0 && code !== 99) throw new Error(`k6 ended with ${signal ?? `exit code ${code}`}`)
}

/** The longest that the scenarios may take, in seconds. */
async function longest(k6: string, script: string, environment: readonly string[]): Promise<number> {
  const args = ['inspect', '--execution-requirements', ...environment, script]
  const { stdout } = await promisify(execFile)(k6, args, { timeout: 60_000 })
  const { totalDuration = '' } = JSON.parse(stdout) as { readonly totalDuration?: string }
  const units = { h: 3600, m: 60, s: 1 } as const
  const parts = [...totalDuration.matchAll(/([\d.]+)(h|m|s)(?![a-z])/g)]
  return parts.reduce((sum, [, value, unit]) => sum + Number(value) * units[unit as keyof typeof units], 0)
}

if (import.meta.main) {
  try {
    process.exitCode = (await main(process.argv.slice(2))) ? 0 : 1
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof NoK6)) throw error
    console.error(error.message)
    process.exitCode = 2
  }
}
