/**
 * Stands between a client and the brokers and does with single requests what a network may do. Metadata and coordinator answers are made to name the proxy, so
 * that all traffic of the client comes through.
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { Reader } from '../../../connectors/kafka-client/wire.ts'

/**
 * `lose`: the broker carries it out, and the connection ends instead of the answer. `late`: the connection ends at once, and the broker gets the request
 * after `lateMs`, with nobody to listen. `refuse`: the connection ends and the request is never seen. `swallow`: as `lose`, and the connection stays.
 */
export type Fault = 'lose' | 'late' | 'refuse' | 'swallow' | null

export interface FaultProxy {
  readonly brokers: readonly string[]
  /** Faults so far, by kind and API key. */
  readonly struck: ReadonlyMap<string, number>
  /** Ends all connections, and takes no new ones while `open` is false. */
  setOpen(open: boolean): void
  close(): Promise<void>
}

const METADATA = 3
const FIND_COORDINATOR = 10

export async function startFaultProxy(
  targets: readonly string[],
  fault: (apiKey: number) => Fault,
  lateMs = 50,
): Promise<FaultProxy> {
  const portOf = new Map<number, number>()
  const struck = new Map<string, number>()
  const sockets = new Set<Socket>()
  let open = true
  const context: Context = {
    portOf,
    lateMs,
    sockets,
    fault(apiKey) {
      const kind = fault(apiKey)
      if (kind !== null) struck.set(`${kind} ${apiKey}`, (struck.get(`${kind} ${apiKey}`) ?? 0) + 1)
      return kind
    },
  }
  const servers: Server[] = []
  for (const target of targets) {
    const [host, port] = target.split(':') as [string, string]
    const server = createServer((client) => {
      if (open) relay(client, connect(Number(port), host), context)
      else client.destroy()
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    portOf.set(Number(port), (server.address() as AddressInfo).port)
    servers.push(server)
  }
  const endAll = () => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    brokers: [...portOf.values()].map((port) => `127.0.0.1:${port}`),
    struck,
    setOpen(next) {
      open = next
      if (!open) endAll()
    },
    async close() {
      endAll()
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
    },
  }
}

interface Context {
  readonly portOf: ReadonlyMap<number, number>
  readonly lateMs: number
  readonly sockets: Set<Socket>
  fault(apiKey: number): Fault
}

interface Asked {
  readonly apiKey: number
  readonly fault: Fault
}

function relay(client: Socket, broker: Socket, context: Context): void {
  const asked = new Map<number, Asked>()
  let lingering = false
  for (const socket of [client, broker]) {
    context.sockets.add(socket)
    socket.setNoDelay(true)
    socket.on('error', () => {})
    socket.on('close', () => context.sockets.delete(socket))
  }
  client.on('close', () => lingering || broker.destroy())
  broker.on('close', () => client.destroy())
  client.on(
    'data',
    frames((frame) => {
      const apiKey = frame.readInt16BE(4)
      const fault = context.fault(apiKey)
      if (fault === 'refuse') client.destroy()
      else if (fault === 'late') {
        lingering = true
        client.destroy()
        setTimeout(() => {
          broker.write(frame)
          setTimeout(() => broker.destroy(), 5_000).unref()
        }, context.lateMs)
      } else {
        asked.set(frame.readInt32BE(8), { apiKey, fault })
        if (!client.destroyed) broker.write(frame)
      }
    }),
  )
  broker.on(
    'data',
    frames((frame) => {
      const about = asked.get(frame.readInt32BE(4))
      asked.delete(frame.readInt32BE(4))
      if (about?.fault === 'lose') client.destroy()
      if (client.destroyed || about?.fault === 'swallow') return
      if (about?.apiKey === METADATA) nameProxyInMetadata(frame, context.portOf)
      if (about?.apiKey === FIND_COORDINATOR) nameProxyInCoordinator(frame, context.portOf)
      client.write(frame)
    }),
  )
}

function frames(each: (frame: Buffer) => void): (chunk: Buffer) => void {
  let held = Buffer.alloc(0)
  return (chunk) => {
    held = Buffer.concat([held, chunk])
    while (held.length >= 4 && held.length >= 4 + held.readInt32BE(0)) {
      const end = 4 + held.readInt32BE(0)
      each(Buffer.from(held.subarray(0, end)))
      held = held.subarray(end)
    }
  }
}

/** Metadata v7 after the size and correlation id: throttle time, brokers. */
function nameProxyInMetadata(frame: Buffer, portOf: ReadonlyMap<number, number>): void {
  const reader = new Reader(frame, 12)
  reader.array((each) => {
    each.int32()
    each.string()
    namePort(frame, each.offset, portOf)
    each.int32()
    each.string()
  })
}

/** FindCoordinator v2: throttle time, error, message, node, host, port. */
function nameProxyInCoordinator(frame: Buffer, portOf: ReadonlyMap<number, number>): void {
  const reader = new Reader(frame, 12)
  if (reader.int16() !== 0) return
  reader.string()
  reader.int32()
  reader.string()
  namePort(frame, reader.offset, portOf)
}

function namePort(frame: Buffer, at: number, portOf: ReadonlyMap<number, number>): void {
  const through = portOf.get(frame.readInt32BE(at))
  if (through === undefined) throw new Error(`the proxy does not know the broker at port ${frame.readInt32BE(at)}`)
  frame.writeInt32BE(through, at)
}
