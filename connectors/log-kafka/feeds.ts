/** Waiting on a feed. */
import type { Feed, StoredRecord, TopicPartition } from '../kafka-client/contract.ts'

/** Remembers that a feed has called, so that no call is missed between a poll and the wait after it. */
export interface Signal {
  /** Resolves at the next call, at once if there was one since the last wait. One waiter. */
  wait(): Promise<void>
  raise(): void
}

export function createSignal(): Signal {
  let raised = false
  let resume: (() => void) | null = null
  return {
    async wait() {
      if (!raised) await new Promise<void>((resolve) => (resume = resolve))
      raised = false
      resume = null
    },
    raise() {
      raised = true
      resume?.()
    },
  }
}

const POLL_MAX = 2_000

/** What lies before `end`, in parts; then closes the feed. `check` throws once nobody wants any more; raise the signal then. */
export async function* readUntil(
  feed: Feed,
  end: number,
  signal: Signal = createSignal(),
  check: () => void = () => {},
): AsyncGenerator<readonly StoredRecord[]> {
  feed.onRecords(() => signal.raise())
  try {
    for (;;) {
      check()
      const records = feed.poll(POLL_MAX)
      if (records.length > 0) yield records
      if (feed.position >= end) return
      if (records.length === 0) await signal.wait()
    }
  } finally {
    feed.close()
  }
}

/** A feed that has failed from the beginning. */
export function failedFeed({ topic, partition }: TopicPartition, offset: number, error: Error): Feed {
  return {
    topic,
    partition,
    position: offset,
    stableEnd: offset,
    poll() {
      throw error
    },
    onRecords: () => undefined,
    close: () => undefined,
  }
}
