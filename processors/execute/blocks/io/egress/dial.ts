/** Sockets that only reach what the guard lets them. */
import { connect, type LookupFunction, type Socket, Socket as TcpSocket } from 'node:net'
import type { Egress } from './egress.ts'
import type { Destination } from './rules.ts'

/** Opens a connection. Rejects with the signal's reason when that is aborted first. @throws {BlockError} `EGRESS_REFUSED`; errors of the network */
export async function dial(egress: Egress, destination: Destination, signal?: AbortSignal): Promise<Socket> {
  const addresses = await egress.resolve(destination)
  signal?.throwIfAborted()
  const first = addresses[0]!
  const fixed: LookupFunction = (_name, options, done) => {
    if (options.all === true) done(null, [...addresses])
    else done(null, first.address, first.family)
  }
  const host = addresses.length === 1 ? first.address : destination.host
  return opened(connect({ host, port: destination.port, lookup: fixed, noDelay: true }), signal)
}

function opened(socket: Socket, signal: AbortSignal | undefined): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      socket.destroy()
      settle(() => reject(signal?.reason))
    }
    const onError = (error: Error): void => settle(() => reject(error))
    const onConnect = (): void => settle(() => resolve(socket))
    const settle = (end: () => void): void => {
      socket.off('error', onError).off('connect', onConnect)
      signal?.removeEventListener('abort', onAbort)
      // an error after the end must not end the process
      socket.on('error', ignore)
      end()
      socket.off('error', ignore)
    }
    socket.once('error', onError).once('connect', onConnect)
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

function ignore(): void {}

/** A socket for clients that call `connect(port, host)` themselves. */
export function guardedSocket(egress: Egress, scheme: string): Socket {
  const socket = new TcpSocket()
  const plain = socket.connect.bind(socket) as (options: object) => Socket
  const guarded = (port: number, host: string): Socket => {
    egress.resolve({ scheme, host, port }).then(
      (addresses) => {
        if (socket.destroyed) return
        const first = addresses[0]!
        plain({ port, host: first.address, noDelay: true })
      },
      (error: Error) => socket.destroy(error),
    )
    return socket
  }
  return Object.assign(socket, { connect: guarded })
}
