/** Connections with TLS on top of guarded sockets; the certificate is that of the name which was asked for. */
import { isIP, type Socket } from 'node:net'
import { connect as connectSecure } from 'node:tls'
import { dial } from './dial.ts'
import type { Egress } from './egress.ts'
import type { Destination } from './rules.ts'

/** @throws as {@link dial}; errors of the handshake */
export async function dialSecure(egress: Egress, destination: Destination, signal?: AbortSignal): Promise<Socket> {
  const plain = await dial(egress, destination, signal)
  const { host } = destination
  const socket = connectSecure({ socket: plain, ...(isIP(host) === 0 ? { servername: host } : { host }) })
  return new Promise((resolve, reject) => {
    const onAbort = (): void => void socket.destroy(signal?.reason as Error)
    signal?.addEventListener('abort', onAbort, { once: true })
    const settle = (end: () => void): void => {
      signal?.removeEventListener('abort', onAbort)
      socket.off('error', onError)
      end()
    }
    const onError = (error: Error): void => settle(() => reject(error))
    socket.once('error', onError)
    socket.once('secureConnect', () => settle(() => resolve(socket)))
  })
}
