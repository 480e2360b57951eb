/** An HTTP server that stands for the outside world: `POST /deliver/<item>` is an effect, written to a ledger. It can be flaky on purpose. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Behaviour, behaviourOf, type Shares } from './behaviour.ts'
import { type Effect, Ledger } from './ledger.ts'

export interface SinkOptions {
  readonly ledgerFile: string
  readonly seed: number
  readonly shares: Shares
  /** Seconds, with 503; default 1. */
  readonly retryAfter?: number
}

export interface SinkCounts {
  calls: number
  busy: number
  slow: number
  refused: number
}

export class Sink {
  readonly counts: SinkCounts = { calls: 0, busy: 0, slow: 0, refused: 0 }
  readonly #options: SinkOptions
  readonly #ledger: Ledger
  readonly #server: Server
  readonly #callsOf = new Map<string, number>()
  #repaired = false

  private constructor(options: SinkOptions) {
    this.#options = options
    this.#ledger = new Ledger(options.ledgerFile)
    this.#server = createServer((request, response) => {
      this.#answer(request, response)
    })
  }

  static async listen(options: SinkOptions): Promise<Sink> {
    const sink = new Sink(options)
    sink.#server.listen(0, '127.0.0.1')
    await once(sink.#server, 'listening')
    return sink
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  get effects(): readonly Effect[] {
    return this.#ledger.effects
  }

  /** Calls that repeated an effect under the same key. */
  get repeats(): number {
    return this.#ledger.repeats
  }

  /** From now on nothing is refused. */
  repair(): void {
    this.#repaired = true
  }

  async close(): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
    this.#ledger.close()
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    request.resume()
    request.on('end', () => {
      const [, item] = /^\/deliver\/([a-z0-9-]+)$/.exec(request.url ?? '') ?? []
      const key = request.headers['idempotency-key']
      if (item === undefined) {
        this.counts.calls++
        this.counts.refused++
        send(response, 404, { error: `nothing is delivered to ${request.url}` })
      } else if (request.method !== 'POST' || typeof key !== 'string') {
        send(response, 400, { error: 'expected POST /deliver/<item> with an Idempotency-Key' })
      } else {
        this.#deliver(item, key, response)
      }
    })
  }

  #deliver(item: string, key: string, response: ServerResponse): void {
    const call = (this.#callsOf.get(item) ?? 0) + 1
    this.#callsOf.set(item, call)
    this.counts.calls++
    switch (this.#treatment(item, call)) {
      case 'busy':
        this.counts.busy++
        send(response, 503, { error: 'busy' }, { 'retry-after': String(this.#options.retryAfter ?? 1) })
        return
      case 'slow':
        this.counts.slow++
        return
      case 'broken':
        this.counts.refused++
        send(response, 422, { error: `item '${item}' cannot be taken at present` })
        return
      case 'ok':
        this.#ledger.add({ key, item, at_ms: Date.now() })
        send(response, 200, { delivered: item })
    }
  }

  #treatment(item: string, call: number): Behaviour {
    const behaviour = behaviourOf(item, this.#options.seed, this.#options.shares)
    if (behaviour === 'busy') return call <= 2 ? 'busy' : 'ok'
    if (behaviour === 'slow') return call <= 1 ? 'slow' : 'ok'
    if (behaviour === 'broken') return this.#repaired ? 'ok' : 'broken'
    return 'ok'
  }
}

function send(response: ServerResponse, status: number, body: object, headers: { [name: string]: string } = {}): void {
  const text = JSON.stringify(body)
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    ...headers,
  })
  response.end(text)
}
