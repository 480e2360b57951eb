/** Very many clients of `GET /api/v1/stream` in one process: all are counted, some are read closely. */
import { connect } from 'node:net'

/** One of so many is read event by event. */
const ONE_READ_IN = 20
const LINE_FEED = 10
const END_OF_FRAME = Buffer.from('\n\n')
const HEARTBEAT = Buffer.from(': heartbeat\n')
/** What has come is looked at before the next client reads, so all read into the same memory. */
const RECEIVED = Buffer.alloc(256 << 10)
const EVENT = /^id: [^\n]*\ndata: (\{.*\})$/m

export class StreamClients {
  /** Of those that are read closely: from what an event tells of to its arrival, in milliseconds. */
  readonly latencies: number[] = []
  /** What each client has been sent, without heartbeats. */
  readonly frames: number[] = []
  bytes = 0
  /** Clients that the server has let go. */
  gone = 0
  readonly #closers: (() => void)[] = []
  #closing = false

  /** `query`: which events, e.g. `?flow=a`. Resolves once every client has had its first frame. @throws when one cannot connect */
  static async open(url: string, count: number, query = ''): Promise<StreamClients> {
    const clients = new StreamClients()
    await Promise.all(Array.from({ length: count }, (_, index) => clients.#open(new URL(url), query, index)))
    return clients
  }

  close(): void {
    this.#closing = true
    for (const close of this.#closers) close()
  }

  #open({ hostname, port }: URL, query: string, index: number): Promise<void> {
    const count = frameCounter()
    const read = index % ONE_READ_IN === 0 ? this.#reader() : null
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const take = (length: number): boolean => {
      const chunk = RECEIVED.subarray(0, length)
      this.bytes += length
      this.frames[index]! += count(chunk)
      read?.(chunk)
      if (this.frames[index]! > 0) resolve()
      return true
    }
    const socket = connect({ host: hostname, port: Number(port), onread: { buffer: RECEIVED, callback: take } })
    this.#closers.push(() => socket.destroy())
    this.frames[index] = 0
    socket.write(`GET /api/v1/stream${query} HTTP/1.1\r\nhost: ${hostname}\r\n\r\n`)
    socket.on('error', (error) => (this.#closing ? resolve() : reject(error)))
    socket.on('close', () => {
      if (!this.#closing) this.gone++
    })
    return promise
  }

  #reader(): (chunk: Buffer) => void {
    let open = ''
    return (chunk) => {
      const arrivedAtMs = Date.now()
      const frames = (open + chunk.toString('latin1')).split('\n\n')
      open = frames.pop()!
      for (const frame of frames) {
        const data = EVENT.exec(frame)?.[1]
        if (data !== undefined) this.latencies.push(arrivedAtMs - (JSON.parse(data) as { at_ms: number }).at_ms)
      }
    }
  }
}

/** Counts empty lines, of which each frame has one at its end, wherever the stream is cut into chunks. */
function frameCounter(): (chunk: Buffer) => number {
  let halfWay = false
  return (chunk) => {
    let count = 0
    let at = 0
    if (halfWay && chunk[0] === LINE_FEED) {
      count++
      at = 1
    }
    for (at = chunk.indexOf(END_OF_FRAME, at); at >= 0; at = chunk.indexOf(END_OF_FRAME, at + 2)) count++
    // it is written by itself and short, so it comes whole
    for (at = chunk.indexOf(HEARTBEAT); at >= 0; at = chunk.indexOf(HEARTBEAT, at + 1)) count--
    halfWay = chunk.at(-1) === LINE_FEED && !endsFrame(chunk)
    return count
  }
}

function endsFrame(chunk: Buffer): boolean {
  return chunk.length > 1 && chunk[chunk.length - 2] === LINE_FEED
}
