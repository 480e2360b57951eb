/** Reads server-sent events. */
import type { StreamItem } from './types.ts'

/** Longest event. */
const MAX_EVENT_LENGTH = 16 << 20

/** Data is JSON. Comments and what has no data are passed over. @throws {SyntaxError} for data that is no JSON; what reading the body throws */
export async function* readEvents(body: AsyncIterable<Uint8Array>): AsyncGenerator<StreamItem<unknown>> {
  const decoder = new TextDecoder()
  let rest = ''
  let id = ''
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true })
    for (let end = rest.indexOf('\n\n'); end >= 0; end = rest.indexOf('\n\n')) {
      const fields = fieldsOf(rest.slice(0, end))
      rest = rest.slice(end + 2)
      id = fields.get('id') ?? id
      const data = fields.get('data')
      if (data !== undefined) yield { id, event: fields.get('event') ?? 'message', data: JSON.parse(data) as unknown }
    }
    if (rest.length > MAX_EVENT_LENGTH) throw new Error(`an event has more than ${MAX_EVENT_LENGTH} characters`)
  }
}

function fieldsOf(block: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>()
  for (const line of block.split(/\r?\n/)) {
    const colon = line.indexOf(':')
    if (colon <= 0) continue
    const name = line.slice(0, colon)
    const value = line.slice(colon + 1).replace(/^ /, '')
    fields.set(name, fields.has(name) ? `${fields.get(name)}\n${value}` : value)
  }
  return fields
}
