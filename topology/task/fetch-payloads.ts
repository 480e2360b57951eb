/** Fetches what a decision waits for. While it does the task decides nothing, so it is bounded in time: what cannot be had by then is lost to whoever wants it. */
import { PayloadLost } from '../../processors/turn.ts'
import type { JsonText } from '../../schemas/json.ts'
import type { Payloads } from '../blobs/payloads.ts'
import { BlobStoreError } from '../blobs/port.ts'
import type { Environment } from '../environment.ts'
import type { WantedPayload } from './task-turn.ts'

const AT_ONCE = 8
/** How long a place that cannot be reached is tried again. */
const PATIENCE_MS = 60_000
const FIRST_PAUSE_MS = 100
const MAX_PAUSE_MS = 5_000

/** Puts every payload, or why it cannot be had, under its key. Never rejects. */
export async function fetchPayloads(
  payloads: Payloads,
  environment: Environment,
  wanted: ReadonlyMap<string, WantedPayload>,
  into: Map<string, JsonText | PayloadLost>,
): Promise<void> {
  const until = environment.monotonic() + PATIENCE_MS
  const open = [...wanted]
  const fetchNext = async (): Promise<void> => {
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      into.set(next[0], await fetchOne(payloads, environment, next[1], until))
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, fetchNext))
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
}

async function fetchOne(
  payloads: Payloads,
  environment: Environment,
  { tenant, hash }: WantedPayload,
  until: number,
): Promise<JsonText | PayloadLost> {
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
    const attempt = new AbortController()
    const cancel = environment.after(Math.max(1, until - environment.monotonic()), () =>
      attempt.abort(new Error(`the blob ${hash} was not given within ${PATIENCE_MS / 1_000} s`)),
    )
    try {
      // a place that does not answer does not look at the signal either
      return await Promise.race([payloads.load(tenant, hash, attempt.signal), aborted(attempt.signal)])
    } catch (error) {
      const final = error instanceof BlobStoreError && error.code !== 'BLOBS_UNAVAILABLE'
      if (final) return new PayloadLost(error.code, error.message)
      if (environment.monotonic() + pauseMs >= until)
        return new PayloadLost('BLOBS_UNAVAILABLE', (error as Error).message)
    } finally {
      cancel()
    }
    await new Promise<void>((resolve) => environment.after(pauseMs, resolve))
  }
}
