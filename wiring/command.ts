/**
 * The command line with everything it needs: what `beamline` and `npm start` run. What is large is loaded by the commands that need it, so that the others
 * answer at once.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { backUp } from '../connectors/backup/backup.ts'
import { restore } from '../connectors/backup/restore.ts'
import { askForProfile } from '../connectors/control-socket/ask.ts'
import { listeningProcesses } from '../connectors/control-socket/control-socket.ts'
import { realEnvironment as environment } from '../connectors/environment.ts'
import { inspectFolder } from '../connectors/log-embedded/inspect.ts'
import { openEmbeddedReader } from '../connectors/log-embedded/reader.ts'
import { DATABASE_FILE } from '../connectors/log-embedded/schema.ts'
import { runCli } from '../gateway/cli/cli.ts'
import { requireDataFolder } from '../gateway/cli/data-folder.ts'
import type { ProcessProfile, Script, VerifyConfig } from '../gateway/cli/dependencies.ts'
import { parseClientLine, parseLedgerLine, parseLines } from '../topology/verify/formats.ts'
import type { VerifyReport } from '../topology/verify/report.ts'
import { configure, kafkaOptions } from './configure.ts'
import type { DryRunner } from './dry-run.ts'

/** Runs one command; resolves with the exit code. */
export async function runCommand(args: readonly string[]): Promise<number> {
  const interrupted = new AbortController()
  const onSignal = (): void => interrupted.abort()
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal)
  endWithReader(process.stdout)
  let dry: DryRunner | null = null
  const dryRunner = async (): Promise<DryRunner> => {
    const { dryRunner: create } = await import('./dry-run.ts')
    dry ??= create(process.env.BEAMLINE_BLOCKS_FOLDER || null, interrupted.signal)
    return dry
  }
  const code = await runCli(args, {
    version: packageVersion(),
    environment,
    variables: process.env,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    interrupted: interrupted.signal,
    startNode: async (loaded) => (await import('./run-node.ts')).runNode(loaded, interrupted.signal),
    manageTopics: async ({ config }, { apply, create }) => {
      const { manageTopics } = await import('../connectors/log-kafka/topics-tool.ts')
      return manageTopics(
        {
          ...kafkaOptions(config, process.env),
          environment,
          partitions: config.partitions,
          ...(create ? {} : { createTopics: false }),
        },
        { apply },
      )
    },
    verify: verifyFolder,
    blockTypes: async () => (await dryRunner()).blockTypes(),
    dryRun: async (request) => (await dryRunner()).run(request),
    backUp: (request) => {
      requireDataFolder(request.dataFolder, DATABASE_FILE)
      return backUp({ ...request, version: packageVersion(), nowMs: environment.now() })
    },
    restore,
    inspectFolder,
    checkSettings: ({ config }) => void configure(config, process.env),
    profile: ({ dataFolder, pid, ms }) => profileOf(dataFolder, pid, ms, interrupted.signal),
    runScript,
  })
  await (dry as DryRunner | null)?.close()
  process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
  return code
}

/** Whoever reads the output may have had enough, as `head` does. */
function endWithReader(output: NodeJS.WriteStream): void {
  output.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit(0)
  })
}

/** Of the one process that runs on the folder, or the one that is named. */
async function profileOf(folder: string, pid: number | null, ms: number, signal: AbortSignal): Promise<ProcessProfile> {
  const listening = existsSync(folder) ? listeningProcesses(folder) : []
  const asked = pid === null ? listening.filter(isRunning) : [pid]
  if (asked.length > 1) throw new Error(`processes ${asked.join(', ')} run on ${folder}; name one with --pid`)
  const profile = asked[0] === undefined ? null : await askForProfile(folder, asked[0], ms, signal)
  if (profile === null) throw new Error(`no process${pid === null ? '' : ` ${pid}`} that runs on ${folder} answers`)
  return profile
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Checks a data folder at rest. */
export async function verifyFolder({
  dataFolder,
  ledgerFile,
  historyFile,
  settled,
}: VerifyConfig): Promise<VerifyReport> {
  requireDataFolder(dataFolder, DATABASE_FILE)
  const reader = openEmbeddedReader(dataFolder)
  const { partitions } = reader
  reader.close()
  const { openEmbeddedLog } = await import('../connectors/log-embedded/embedded-log.ts')
  const { sourceOf, verifyHistory } = await import('../topology/verify/verify-history.ts')
  const log = await openEmbeddedLog({ folder: dataFolder, partitions, environment })
  try {
    const client = historyFile === null ? [] : parseLines(await readFile(historyFile, 'utf8'), parseClientLine)
    const ledger = ledgerFile === null ? [] : parseLines(await readFile(ledgerFile, 'utf8'), parseLedgerLine)
    return await verifyHistory(sourceOf(log), { ledger, client }, { settled })
  } finally {
    await log.close()
  }
}

const SCRIPTS: Record<Script, string> = {
  bench: '../load/bench/bench.ts',
  demo: '../load/demo/demo.ts',
  simulate: '../test/simulation/simulate.ts',
}

async function runScript(script: Script, args: readonly string[]): Promise<number | null> {
  const file = fileURLToPath(new URL(SCRIPTS[script], import.meta.url))
  if (!existsSync(file)) return null
  const child = spawn(process.execPath, ['--expose-gc', file, ...args], { stdio: 'inherit' })
  const [code] = (await once(child, 'exit')) as [number | null]
  return code ?? 1
}

function packageVersion(): string {
  for (const place of ['../package.json', '../../package.json']) {
    const file = fileURLToPath(new URL(place, import.meta.url))
    if (existsSync(file)) return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
  }
  return 'unknown'
}

if (import.meta.main) process.exitCode = await runCommand(process.argv.slice(2))
