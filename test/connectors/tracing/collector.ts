/** A collector for OTLP over HTTP that keeps the spans it is sent, decoded from the wire. */
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'

export interface ReceivedSpan {
  readonly traceId: string
  readonly spanId: string
  /** Empty: none. */
  readonly parentSpanId: string
  readonly name: string
  readonly startMs: number
  readonly endMs: number
  readonly attributes: { readonly [name: string]: string | number | boolean }
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[]
  /** 2: an error. */
  readonly status: number
  readonly resource: { readonly [name: string]: string | number | boolean }
}

export interface Collector {
  readonly url: string
  readonly spans: ReceivedSpan[]
  readonly requests: { readonly url: string; readonly headers: IncomingMessage['headers'] }[]
  /** The first span that fits, once it is there. */
  find(fits: (span: ReceivedSpan) => boolean): Promise<ReceivedSpan>
  close(): Promise<void>
}

export async function startCollector(): Promise<Collector> {
  const spans: ReceivedSpan[] = []
  const requests: Collector['requests'] = []
  const waiting = new Set<() => void>()
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      requests.push({ url: request.url!, headers: request.headers })
      const body = Buffer.concat(parts)
      spans.push(...spansOf(request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body))
      response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()
      for (const look of waiting) look()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    requests,
    find: (fits) =>
      new Promise((resolve) => {
        const look = (): void => {
          const found = spans.find(fits)
          if (found === undefined) return
          waiting.delete(look)
          resolve(found)
        }
        waiting.add(look)
        look()
      }),
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

type Message = readonly { readonly field: number; readonly value: Buffer | bigint }[]

/** Protocol Buffers: fields of varints (0), 8 bytes (1), lengths (2) and 4 bytes (5). */
function fieldsOf(bytes: Buffer): Message {
  const fields: { field: number; value: Buffer | bigint }[] = []
  let at = 0
  const varint = (): bigint => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++]!
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
  }
  while (at < bytes.length) {
    const tag = Number(varint())
    const [field, type] = [tag >>> 3, tag & 7]
    if (type === 0) fields.push({ field, value: varint() })
    else {
      const length = type === 2 ? Number(varint()) : type === 1 ? 8 : 4
      fields.push({ field, value: bytes.subarray(at, at + length) })
      at += length
    }
  }
  return fields
}

const all = (message: Message, field: number): Buffer[] =>
  message.filter((one) => one.field === field).map((one) => one.value as Buffer)
const bytes = (message: Message, field: number): Buffer => all(message, field)[0] ?? Buffer.alloc(0)
const number = (message: Message, field: number): number =>
  Number((message.find((one) => one.field === field)?.value as bigint | undefined) ?? 0n)
const timeMs = (message: Message, field: number): number => Number(bytes(message, field).readBigUInt64LE()) / 1e6

function attributesOf(pairs: readonly Buffer[]): ReceivedSpan['attributes'] {
  return Object.fromEntries(
    pairs.map((pair) => {
      const fields = fieldsOf(pair)
      return [bytes(fields, 1).toString(), anyValue(fieldsOf(bytes(fields, 2)))]
    }),
  )
}

function anyValue(fields: Message): string | number | boolean {
  const { field, value } = fields[0]!
  if (field === 1) return (value as Buffer).toString()
  if (field === 2) return value === 1n
  return field === 4 ? (value as Buffer).readDoubleLE() : Number(value)
}

function spansOf(body: Buffer): ReceivedSpan[] {
  return all(fieldsOf(body), 1).flatMap((part) => {
    const ofResource = fieldsOf(part)
    const resource = attributesOf(all(fieldsOf(bytes(ofResource, 1)), 1))
    return all(ofResource, 2).flatMap((scope) =>
      all(fieldsOf(scope), 2).map((span) => spanOf(fieldsOf(span), resource)),
    )
  })
}

function spanOf(span: Message, resource: ReceivedSpan['resource']): ReceivedSpan {
  return {
    traceId: bytes(span, 1).toString('hex'),
    spanId: bytes(span, 2).toString('hex'),
    parentSpanId: bytes(span, 4).toString('hex'),
    name: bytes(span, 5).toString(),
    startMs: timeMs(span, 7),
    endMs: timeMs(span, 8),
    attributes: attributesOf(all(span, 9)),
    links: all(span, 13).map((link) => {
      const fields = fieldsOf(link)
      return { traceId: bytes(fields, 1).toString('hex'), spanId: bytes(fields, 2).toString('hex') }
    }),
    status: number(fieldsOf(bytes(span, 15)), 3),
    resource,
  }
}
