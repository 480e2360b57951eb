/**
 * What the peers have in common: options, a temporary folder and free ports, a server process that is stopped at the end whatever happens, and
 * the result as one JSON line on standard output.
 *
 * Each peer does the same work: runs of three no-op steps, each step dispatched on its own, with a 1 KB input that passes through all of them,
 * `inFlight` runs at a time from one Node process, on storage that is as durable as the peer offers.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { closedLoop, type One, payloadOf } from '../measure/driver.ts'
import { round } from '../measure/statistics.ts'

export interface PeerOptions {
  readonly variant: string
  readonly runs: number
  readonly warmUp: number
  readonly inFlight: number
  readonly payloadBytes: number
}

export interface Started {
  /** Starts a run with the input and resolves when it has ended. */
  readonly run: (input: object) => Promise<unknown>
  readonly stop: () => Promise<void>
}

export interface Place {
  readonly folder: string
  /** Starts a server that is killed when the measurement is over. */
  readonly server: (command: string, args: readonly string[], options?: ServerOptions) => ChildProcess
}

export interface ServerOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly uid?: number
  readonly gid?: number
  /** Default: SIGKILL. */
  readonly stopSignal?: NodeJS.Signals
}

export function peerOptions(): PeerOptions {
  const { values } = parseArgs({
    options: {
      variant: { type: 'string', default: '' },
      runs: { type: 'string', default: '3000' },
      'warm-up': { type: 'string', default: '500' },
      'in-flight': { type: 'string', default: '64' },
      'payload-bytes': { type: 'string', default: '1024' },
    },
  })
  return {
    variant: values.variant,
    runs: Number(values.runs),
    warmUp: Number(values['warm-up']),
    inFlight: Number(values['in-flight']),
    payloadBytes: Number(values['payload-bytes']),
  }
}

/** Starts the peer, warms it up, measures, stops everything and prints the result. */
export async function measurePeer(
  system: string,
  options: PeerOptions,
  start: (place: Place) => Promise<Started>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'beamline-peer-'))
  chmodSync(folder, 0o755)
  const servers: { readonly process: ChildProcess; readonly signal: NodeJS.Signals }[] = []
  let complaints = ''
  const place: Place = {
    folder,
    server(command, args, extra = {}) {
      const { stopSignal, ...rest } = extra
      const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'], ...rest })
      child.stderr?.on('data', (chunk: Buffer) => {
        complaints = (complaints + chunk.toString()).slice(-4000)
      })
      servers.push({ process: child, signal: stopSignal ?? 'SIGKILL' })
      return child
    },
  }
  try {
    const started = await start(place)
    const one: One = (index) => started.run(payloadOf(options.payloadBytes, index))
    await closedLoop(one, options.warmUp, options.inFlight)
    const cpuBefore = process.cpuUsage()
    const result = await closedLoop(one, options.runs, options.inFlight)
    const cpu = process.cpuUsage(cpuBefore)
    await started.stop()
    const clientCpuUs = round((cpu.user + cpu.system) / options.runs)
    console.log(JSON.stringify({ system, ...result, client_cpu_us_per_run: clientCpuUs }))
  } catch (error) {
    process.stderr.write(complaints)
    throw error
  } finally {
    await Promise.all(servers.map((server) => stop(server.process, server.signal)))
    rmSync(folder, { recursive: true, force: true })
  }
}

async function stop(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill(signal)
  await exited
}

/** Calls until it does not throw, for at most 30 s. */
export async function eventually<T>(what: string, call: () => Promise<T>): Promise<T> {
  const end = performance.now() + 30_000
  for (;;) {
    try {
      return await call()
    } catch (error) {
      if (performance.now() > end) throw new Error(`${what} did not start within 30 s`, { cause: error })
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}
