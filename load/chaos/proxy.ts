/**
 * Stands between the processes and the brokers, which advertise it as their address, and does with single requests what a network may do. It knows a
 * process by the client id in its requests.
 */
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

export interface Request {
  readonly clientId: string
  readonly apiKey: number
}

/**
 * - `lose`: the broker carries it out, and the connection ends instead of the answer.
 * - `late`: the connection ends at once, and the broker gets the request later, with nobody to listen.
 * - `refuse`: the connection ends and the request is never seen.
 * - `delay`: the answer comes later.
 * - `hold`: the request goes on when the promise settles, and what follows on its connection with it.
 */
export type Fault =
  | { readonly kind: 'lose' | 'refuse' }
  | { readonly kind: 'late' | 'delay'; readonly ms: number }
  | { readonly kind: 'hold'; readonly until: Promise<void> }

export interface ChaosProxy {
  /** What happens to requests from now on; `null`: nothing. */
  setFault(fault: ((request: Request) => Fault | null) | null): void
  /** Told the error code of every answer to an EndTxn from now on. */
  onEndTxn(listener: ((request: Request, errorCode: number) => void) | null): void
  close(): Promise<void>
}

export const API = {
  produce: 0,
  initProducerId: 22,
  addPartitions: 24,
  addOffsets: 25,
  endTxn: 26,
  txnOffsetCommit: 28,
} as const

export const INVALID_PRODUCER_EPOCH = 47
export const PRODUCER_FENCED = 90

const LINGER_MS = 5_000

interface Context {
  readonly sockets: Set<Socket>
  fault: ((request: Request) => Fault | null) | null
  endTxn: (request: Request, errorCode: number) => void
}

/** `ports[i]` is passed on to `targets()[i]`; the proxy listens before the brokers are there. */
export async function startProxy(ports: readonly number[], targets: () => readonly string[]): Promise<ChaosProxy> {
  const context: Context = { sockets: new Set(), fault: null, endTxn: () => {} }
  const servers: Server[] = []
  for (const [index, port] of ports.entries()) {
    const server = createServer((client) => {
      const [host, targetPort] = (targets()[index] ?? '').split(':') as [string, string | undefined]
      if (targetPort === undefined) client.destroy()
      else relay(client, connect(Number(targetPort), host), context)
    })
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    servers.push(server)
  }
  return {
    setFault(fault) {
      context.fault = fault
    },
    onEndTxn(listener) {
      context.endTxn = listener ?? (() => {})
    },
    async close() {
      for (const socket of context.sockets) socket.destroy()
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
    },
  }
}

interface Asked extends Request {
  readonly lose: boolean
  readonly delayMs: number
}

function relay(client: Socket, broker: Socket, context: Context): void {
  const asked = new Map<number, Asked>()
  const toBroker = inOrder((frame) => broker.writable && broker.write(frame))
  const toClient = inOrder((frame) => client.writable && client.write(frame))
  let lingering = false
  for (const socket of [client, broker]) {
    context.sockets.add(socket)
    socket.setNoDelay(true)
    socket.on('error', () => {})
    socket.on('close', () => context.sockets.delete(socket))
  }
  client.on('close', () => lingering || broker.destroy())
  broker.on('close', () => client.destroy())
  const onRequest = (frame: Buffer): void => {
    if (client.destroyed) return
    const request = { apiKey: frame.readInt16BE(4), clientId: clientIdOf(frame) }
    const fault = context.fault?.(request) ?? null
    if (fault?.kind === 'refuse') client.destroy()
    else if (fault?.kind === 'late') {
      lingering = true
      client.destroy()
      setTimeout(() => {
        if (broker.writable) broker.write(frame)
        setTimeout(() => broker.destroy(), LINGER_MS).unref()
      }, fault.ms)
    } else {
      const delayMs = fault?.kind === 'delay' ? fault.ms : 0
      asked.set(frame.readInt32BE(8), { ...request, lose: fault?.kind === 'lose', delayMs })
      toBroker(frame, fault?.kind === 'hold' ? fault.until : null)
    }
  }
  const onAnswer = (frame: Buffer): void => {
    const about = asked.get(frame.readInt32BE(4))
    asked.delete(frame.readInt32BE(4))
    // EndTxn v1: throttle time, error
    if (about?.apiKey === API.endTxn) context.endTxn(about, frame.readInt16BE(12))
    if (about?.lose) client.destroy()
    if (client.destroyed) return
    toClient(frame, about !== undefined && about.delayMs > 0 ? after(about.delayMs) : null)
  }
  client.on('data', frames(onRequest))
  broker.on('data', frames(onAnswer))
}

function clientIdOf(frame: Buffer): string {
  const length = frame.readInt16BE(12)
  return length < 0 ? '' : frame.toString('utf8', 14, 14 + length)
}

function after(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Passes frames on in their order, also when one of them has to wait. */
function inOrder(write: (frame: Buffer) => void): (frame: Buffer, until: Promise<void> | null) => void {
  let waiting = 0
  let tail: Promise<void> = Promise.resolve()
  return (frame, until) => {
    if (until === null && waiting === 0) return write(frame)
    waiting++
    tail = tail
      .then(() => until ?? undefined)
      .then(() => {
        waiting--
        write(frame)
      })
  }
}

function frames(each: (frame: Buffer) => void): (chunk: Buffer) => void {
  let held: Buffer[] = []
  let bytes = 0
  return (chunk) => {
    held.push(chunk)
    bytes += chunk.length
    if (bytes < 4) return
    let all = held[0]!.length >= 4 ? held[0]! : Buffer.concat(held)
    if (bytes < 4 + all.readInt32BE(0)) return
    all = held.length === 1 ? held[0]! : Buffer.concat(held)
    while (all.length >= 4 && all.length >= 4 + all.readInt32BE(0)) {
      const end = 4 + all.readInt32BE(0)
      each(all.subarray(0, end))
      all = all.subarray(end)
    }
    held = all.length === 0 ? [] : [all]
    bytes = all.length
  }
}
