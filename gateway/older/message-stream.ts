/**
 * `GET /api/v1/messages/stream`: `message_created`, `message_updated` and `message_deleted`, made of the events of the runs that stand for messages and
 * for their deletions. It begins now; a client that falls behind is let go, and looks at the list anew.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { isRunId, type RunId, type TenantId } from '../../schemas/ids.ts'
import { parseJson } from '../../schemas/json.ts'
import type { RunView } from '../../topology/read-model/port.ts'
import { API } from '../api/index.ts'
import { RequestError } from '../errors.ts'
import type { Edge } from '../http/edge.ts'
import { route } from '../http/route.ts'
import { eventFilter } from '../live/event-filter.ts'
import { type EventKind, statusAfter } from '../live/live-event.ts'
import { type Outlet, responseOutlet } from '../live/outlet.ts'
import { BUILT_IN } from './built-in-flows.ts'
import { olderTenant } from './guard.ts'
import { messageStatus, messageView } from './message-view.ts'
import type { OlderSettings } from './options.ts'

const MESSAGE_KINDS = ['RunAccepted', 'RunCompleted', 'RunFailed', 'RunCancelled', 'RunTimedOut'] as const
const RETRY_AFTER_S = 5
/** What an event tells of is in the read model moments later. */
const LOOK_AGAIN_MS = 25
const LOOKS = 40
/** Events that wait for what they tell of. */
const MAX_WAITING = 1_000

export function registerMessageStream(app: FastifyInstance, edge: Edge, { maxStreams }: OlderSettings): void {
  let streams = 0
  route(app, API.streamMessages, (request, reply) => stream(request, reply), { exposeHeadRoute: false })

  async function stream(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const tenant = olderTenant(request)
    if (streams >= maxStreams) {
      throw new RequestError('service_overloaded', `${streams} clients follow messages; the bound is ${maxStreams}`, {
        details: { code: 'TOO_MANY_STREAMS', max_clients: maxStreams },
        retryAfterS: RETRY_AFTER_S,
      })
    }
    streams += 1
    reply.raw.once('close', () => {
      streams -= 1
    })
    const messages = eventFilter(tenant, null, BUILT_IN.message, MESSAGE_KINDS, [])
    const deletions = eventFilter(tenant, null, BUILT_IN.deletion, ['RunAccepted'], [])
    const begins = [
      await edge.live.prepare(messages, { from: 'now' }),
      await edge.live.prepare(deletions, { from: 'now' }),
    ]
    reply.hijack()
    const outlets = translated(edge, tenant, responseOutlet(reply.raw))
    for (const [index, begin] of begins.entries()) begin(outlets[index]!)
  }
}

/** Two outlets, of messages and of deletions, that write to one. */
function translated(edge: Edge, tenant: TenantId, to: Outlet): readonly Outlet[] {
  let opened = false
  const open = (): void => {
    if (opened) return
    opened = true
    to.open()
  }
  const translate = (deleted: boolean): Outlet => {
    const queue = new Queue(edge, tenant, to, deleted)
    return {
      open,
      write: (chunk) => queue.take(chunk),
      get waitingBytes() {
        return to.waitingBytes
      },
      drained: () => to.drained(),
      // the console knows no event that asks for a look at the list: it comes back and looks
      end: () => to.destroy(),
      destroy: () => to.destroy(),
      get gone() {
        return to.gone
      },
      onGone: (listener) => to.onGone(listener),
    }
  }
  return [translate(false), translate(true)]
}

interface SomeEvent {
  readonly kind: EventKind
  readonly run_id: string
  readonly at_ms: number
}

/** Turns events into the older ones, in order. */
class Queue {
  readonly #edge: Edge
  readonly #tenant: TenantId
  readonly #to: Outlet
  readonly #deleted: boolean
  readonly #decoder = new TextDecoder()
  #waiting = 0
  #last: Promise<void> = Promise.resolve()

  constructor(edge: Edge, tenant: TenantId, to: Outlet, deleted: boolean) {
    this.#edge = edge
    this.#tenant = tenant
    this.#to = to
    this.#deleted = deleted
  }

  /** Chunks hold whole events. */
  take(chunk: Uint8Array): void {
    for (const part of this.#decoder.decode(chunk).split('\n\n')) {
      if (part.startsWith(':')) this.#write(': heartbeat')
      const data = part.split('\n').find((line) => line.startsWith('data: '))
      if (data === undefined) continue
      if (this.#waiting >= MAX_WAITING) {
        this.#to.destroy()
        return
      }
      this.#waiting += 1
      const event = JSON.parse(data.slice('data: '.length)) as SomeEvent
      this.#last = this.#last.then(() => this.#send(event)).catch(() => this.#to.destroy())
    }
  }

  async #send(event: SomeEvent): Promise<void> {
    const text = this.#to.gone || !isRunId(event.run_id) ? null : await this.#textOf(event, event.run_id)
    this.#waiting -= 1
    if (text !== null) this.#write(text)
  }

  async #textOf({ kind, at_ms }: SomeEvent, runId: RunId): Promise<string | null> {
    const run = await this.#seen(runId)
    if (run === null) return null
    if (this.#deleted) {
      const { message_id } = parseJson(run.metadata!) as { readonly message_id: string }
      return eventText('message_deleted', { message_id, tenant_id: run.tenant, timestamp_ms: at_ms })
    }
    const view = messageView(run)
    if (view === null) return null
    const status = messageStatus(statusAfter(kind)!)
    return eventText(kind === 'RunAccepted' ? 'message_created' : 'message_updated', {
      ...view,
      status,
      timestamp_ms: at_ms,
    })
  }

  async #seen(runId: RunId): Promise<RunView | null> {
    const { readModel, environment } = this.#edge
    for (let looks = 0; looks < LOOKS && !this.#to.gone; looks++) {
      const run = await readModel.getRun(this.#tenant, runId)
      if (run !== null) return run
      await new Promise<void>((resolve) => environment.after(LOOK_AGAIN_MS, resolve))
    }
    return null
  }

  #write(text: string): void {
    if (!this.#to.gone) this.#to.write(new TextEncoder().encode(`${text}\n\n`))
  }
}

function eventText(name: string, data: object): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}`
}
