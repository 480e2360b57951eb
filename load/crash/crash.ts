/** Kills the real process with -9 at random moments under load and starts it again, then has the log, the ledger and the client's history checked. */
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { ApiClient } from '../process/api-client.ts'
import { BeamlineProcess } from '../process/beamline-process.ts'
import { freePort } from '../process/free-ports.ts'
import { Random } from '../process/random.ts'
import { Sink } from '../sink/sink.ts'
import { CrashClient } from './client.ts'
import { CRASH_FLOWS } from './flows.ts'

export interface CrashOptions {
  /** An empty folder for the data, the ledger and the history. */
  readonly folder: string
  readonly rounds: number
  readonly seed: number
  readonly callers?: number
  /** The process lives between these, milliseconds after it was ready. */
  readonly lifeMs?: readonly [low: number, high: number]
  readonly onRound?: (round: number, accepted: number) => void
}

export interface CrashOutcome {
  readonly dataFolder: string
  readonly ledgerFile: string
  readonly historyFile: string
  readonly kills: number
  readonly accepted: number
  readonly unanswered: number
  readonly effects: number
  /** Status of every accepted run as the API told it at the end. */
  readonly statuses: { readonly [status: string]: number }
}

/** By the end of each round, on average. */
const LEAST_ACCEPTED = 25
const LOADED_WITHIN_MS = 120_000

const ENDED: ReadonlySet<string> = new Set(['completed', 'failed', 'cancelled', 'timed_out'])

export async function crashRounds(options: CrashOptions): Promise<CrashOutcome> {
  const random = new Random(options.seed)
  const files = {
    dataFolder: join(options.folder, 'data'),
    ledgerFile: join(options.folder, 'effects.jsonl'),
    historyFile: join(options.folder, 'client.jsonl'),
  }
  const shares = { busy: 0.05, slow: 0.01, broken: 0 }
  const sink = await Sink.listen({ ledgerFile: files.ledgerFile, seed: options.seed, shares, retryAfter: 0 })
  const port = await freePort()
  const start = (): Promise<BeamlineProcess> => BeamlineProcess.start({ dataFolder: files.dataFolder, port })
  let beamline = await start()
  const api = new ApiClient(beamline.url, 16)
  for (const flow of CRASH_FLOWS) await api.publish(flow)
  const client = new CrashClient({
    url: beamline.url,
    sinkUrl: sink.url,
    historyFile: files.historyFile,
    random: new Random(random.u32()),
    callers: options.callers ?? 16,
    cancelled: 0.03,
  })
  try {
    const [low, high] = options.lifeMs ?? [200, 1200]
    for (let round = 1; round <= options.rounds; round++) {
      await pause(random.between(low, high))
      await underLoad(client, round * LEAST_ACCEPTED)
      await beamline.kill()
      beamline = await start()
      options.onRound?.(round, client.accepted.size)
    }
    await client.stop()
    const statuses = await ended(api, client.accepted)
    await beamline.stop()
    return {
      ...files,
      kills: options.rounds,
      accepted: client.accepted.size,
      unanswered: client.unanswered,
      effects: sink.effects.length,
      statuses,
    }
  } finally {
    if (beamline.running) await beamline.kill()
    await client.stop().catch(() => undefined)
    await client.close()
    await api.close()
    await sink.close()
  }
}

/** A process that has taken nothing has nothing to lose: on a slow machine it lives until it has taken its share. */
async function underLoad(client: CrashClient, least: number): Promise<void> {
  const until = performance.now() + LOADED_WITHIN_MS
  while (client.accepted.size < least) {
    if (performance.now() > until)
      throw new Error(`${client.accepted.size} runs were accepted so far, expected ${least}`)
    await pause(10)
  }
}

/** Waits until every run has ended and counts how. @throws when some have not after two minutes without any progress */
async function ended(api: ApiClient, runIds: ReadonlySet<string>): Promise<{ readonly [status: string]: number }> {
  const open = new Set(runIds)
  const statuses: { [status: string]: number } = {}
  let lastProgress = performance.now()
  while (open.size > 0) {
    for (const runId of [...open]) {
      const { body } = await api.run(runId)
      const status = String(body.status)
      if (!ENDED.has(status)) continue
      open.delete(runId)
      statuses[status] = (statuses[status] ?? 0) + 1
      lastProgress = performance.now()
    }
    if (performance.now() - lastProgress > 120_000) {
      throw new Error(
        `${open.size} of ${runIds.size} accepted runs have not ended, e.g. ${[...open].slice(0, 3).join(', ')}`,
      )
    }
    if (open.size > 0) await pause(100)
  }
  return statuses
}
