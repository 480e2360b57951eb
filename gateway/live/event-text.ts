import type { LiveEvent } from './live-event.ts'

const encoder = new TextEncoder()

export const encoded = (text: string): Uint8Array => encoder.encode(text)

/** A server-sent event. */
export function eventText(id: string, event: Pick<LiveEvent, 'json'>): string {
  return `id: ${id}\ndata: ${event.json}\n\n`
}
