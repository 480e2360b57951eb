/**
 * Feeds of readers, of which several may read one partition. A fetcher asks for a partition once at a time, so that two of its feeds there take turns; each
 * further reader of a partition is given another fetcher, up to a bound.
 */
import type { Feed, Fetcher, TopicPartition } from '../kafka-client/contract.ts'

const MAX_FETCHERS = 4

interface Lane {
  readonly fetcher: Fetcher
  /** Open feeds by partition. */
  readonly open: Map<string, number>
}

/** `create` makes a fetcher when one is needed. */
export function createReaderFeeds(create: () => Fetcher): Fetcher {
  const lanes: Lane[] = []

  const laneFor = (key: string): Lane => {
    const free = lanes.find(({ open }) => !open.has(key))
    if (free !== undefined) return free
    if (lanes.length < MAX_FETCHERS) {
      const made = { fetcher: create(), open: new Map<string, number>() }
      lanes.push(made)
      return made
    }
    return lanes.reduce((least, lane) => (lane.open.get(key)! < least.open.get(key)! ? lane : least))
  }

  return {
    add(place: TopicPartition, offset: number): Feed {
      const key = `${place.topic}/${place.partition}`
      const { fetcher, open } = laneFor(key)
      const feed = fetcher.add(place, offset)
      open.set(key, (open.get(key) ?? 0) + 1)
      let closed = false
      return {
        topic: feed.topic,
        partition: feed.partition,
        get position() {
          return feed.position
        },
        get stableEnd() {
          return feed.stableEnd
        },
        poll: (max) => feed.poll(max),
        onRecords: (listener) => feed.onRecords(listener),
        close() {
          if (closed) return
          closed = true
          const left = open.get(key)! - 1
          if (left === 0) open.delete(key)
          else open.set(key, left)
          feed.close()
        },
      }
    },
    async close() {
      await Promise.allSettled(lanes.map(({ fetcher }) => fetcher.close()))
    },
  }
}
