/** One client's connection as the stream sees it. */
import type { ServerResponse } from 'node:http'

export interface Outlet {
  /** Begins the answer. */
  open(): void
  /** Never waits; what the client has not taken yet counts as `waitingBytes`. */
  write(chunk: Uint8Array): void
  readonly waitingBytes: number
  /** Resolves once nothing waits, or the client has gone. */
  drained(): Promise<void>
  /** Writes the last chunk; the connection ends once the client has taken everything. */
  end(chunk: Uint8Array): void
  destroy(): void
  readonly gone: boolean
  /** Called once. */
  onGone(listener: () => void): void
}

/**
 * Over an HTTP response that is ended by closing the connection instead of being sent in chunks, so that one piece of memory is
 * written to every client as it is.
 */
export function responseOutlet(response: ServerResponse): Outlet {
  let gone = response.destroyed
  response.on('error', () => {})
  response.once('close', () => {
    gone = true
  })
  return {
    open() {
      response.removeHeader('transfer-encoding')
      response.writeHead(200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
        connection: 'close',
      })
      response.flushHeaders()
    },
    write: (chunk) => void response.write(chunk),
    get waitingBytes() {
      return response.writableLength
    },
    drained: () =>
      new Promise((resolve) => {
        if (gone || response.writableLength === 0) return resolve()
        const done = (): void => {
          response.off('drain', done).off('close', done)
          resolve()
        }
        response.on('drain', done).on('close', done)
      }),
    end: (chunk) => void response.end(chunk),
    destroy: () => void response.destroy(),
    get gone() {
      return gone
    },
    onGone(listener) {
      if (gone) listener()
      else response.once('close', listener)
    },
  }
}
