import { createRequire } from 'node:module'
import { describe, expect, it } from 'vitest'
import { compressionCodecs, kafkajsErrors, requestQueueClass } from '../../../connectors/kafka-client/internals.ts'
import { patchKafkajs } from '../../../connectors/kafka-client/patches.ts'

const require = createRequire(import.meta.url)

/** A request queue as a connection of kafkajs has one, with a request that is answered. */
function answeredQueue() {
  const Queue = requestQueueClass() as unknown as new (
    options: object,
  ) => {
    throttleCheckTimeoutId: unknown
    push(request: object): void
    fulfillRequest(answer: object): void
    destroy(): void
  }
  const silent = { debug() {}, warn() {} }
  const queue = new Queue({ maxInFlightRequests: null, requestTimeout: 1_000, logger: silent })
  const ask = (correlationId: number) => {
    const entry = { correlationId, resolve() {}, reject() {} }
    queue.push({ entry, expectResponse: true, sendRequest() {} })
  }
  ask(1)
  queue.fulfillRequest({ correlationId: 1, payload: Buffer.alloc(0), size: 0 })
  return { queue, ask }
}

const errorOf = (code: number) =>
  (
    require('kafkajs/src/protocol/error') as { createErrorFromCode(code: number): { type: string; retriable: boolean } }
  ).createErrorFromCode(code)

describe('patches of kafkajs', () => {
  // In one test, in this order: the patches stay for the life of the process.
  it('mend what is broken without them', async () => {
    const idle = answeredQueue().queue
    expect(idle.throttleCheckTimeoutId).not.toBeNull()
    idle.destroy()
    expect(errorOf(120).type).toBe('KAFKAJS_UNKNOWN_ERROR_CODE')
    expect(() => compressionCodecs().Codecs[4]!()).toThrow()

    patchKafkajs()
    patchKafkajs()

    expect(answeredQueue().queue.throttleCheckTimeoutId).toBeNull()
    expect(errorOf(120)).toMatchObject({ type: 'TRANSACTION_ABORTABLE', retriable: false })
    expect(errorOf(89)).toMatchObject({ type: 'THROTTLING_QUOTA_EXCEEDED', retriable: true })
    expect(errorOf(3)).toMatchObject({ type: 'UNKNOWN_TOPIC_OR_PARTITION' })
    const codes = kafkajsErrors().errorCodes.map(({ code }) => code)
    expect(new Set(codes).size).toBe(codes.length)
    const codec = compressionCodecs().Codecs[4]!()
    expect(await codec.decompress(await codec.compress({ buffer: Buffer.from('text') }))).toEqual(Buffer.from('text'))
  })

  it('still looks again when a request waits', () => {
    patchKafkajs()
    const { queue, ask } = answeredQueue()
    Object.assign(queue, { maxInFlightRequests: 0 })
    ask(2)
    expect(queue.throttleCheckTimeoutId).not.toBeNull()
    queue.destroy()
  })

  it('refuses another version', () => {
    expect(() => patchKafkajs('2.3.0')).toThrow('kafkajs 2.2.4 is needed, its internals are used; found was 2.3.0')
  })
})
