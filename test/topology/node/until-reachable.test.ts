import { describe, expect, it } from 'vitest'
import type { Environment } from '../../../topology/environment.ts'
import { LogError } from '../../../topology/log/port.ts'
import { untilReachable } from '../../../topology/node/until-reachable.ts'

/** Timers fire at once; their lengths are noted. */
function instant() {
  const waits: number[] = []
  const environment: Environment = {
    now: () => 0,
    monotonic: () => 0,
    randomU32: () => 0,
    soon: (callback) => queueMicrotask(callback),
    after(ms, callback) {
      waits.push(ms)
      queueMicrotask(callback)
      return () => {}
    },
  }
  return { waits, environment }
}

const unreachable = new LogError('UNREACHABLE', 'no broker answers', { retriable: true })

describe('untilReachable', () => {
  it('tries until it works, ever more slowly, and tells of each failure', async () => {
    const { waits, environment } = instant()
    const told: string[] = []
    let left = 8
    const attempt = async () => {
      if (left-- > 0) throw unreachable
      return 'there'
    }
    const onFailure = (error: LogError) => void told.push(error.message)
    const { signal } = new AbortController()
    expect(await untilReachable({ environment, attempt, onFailure, signal })).toBe('there')
    expect(waits).toEqual([250, 500, 1_000, 2_000, 4_000, 5_000, 5_000, 5_000])
    expect(told).toEqual(waits.map(() => 'no broker answers'))
  })

  it.each([
    ['what will not change', new LogError('NOT_AUTHORIZED', 'who are you')],
    ['what nobody knows', new TypeError('x is not a function')],
  ])('gives %s on at once', async (_what, error) => {
    const { waits, environment } = instant()
    const attempt = () => Promise.reject(error)
    const { signal } = new AbortController()
    await expect(untilReachable({ environment, attempt, onFailure: () => {}, signal })).rejects.toBe(error)
    expect(waits).toEqual([])
  })

  it('ends when it is told to', async () => {
    const { environment } = instant()
    const controller = new AbortController()
    let tries = 0
    const attempt = async () => {
      if (++tries === 3) controller.abort(new Error('enough'))
      throw unreachable
    }
    const waiting = untilReachable({ environment, attempt, onFailure: () => {}, signal: controller.signal })
    await expect(waiting).rejects.toThrow('enough')
    expect(tries).toBe(3)
  })
})
