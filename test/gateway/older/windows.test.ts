import { describe, expect, it } from 'vitest'
import { olderSettings } from '../../../gateway/older/options.ts'
import { type Endpoint, Windows } from '../../../gateway/older/windows.ts'

function create(options = {}) {
  let nowMs = 5_000
  const environment = { monotonic: () => nowMs } as never
  const windows = new Windows(environment, olderSettings(options))
  const many = (count: number, tenant: string, endpoint: Endpoint) =>
    Array.from({ length: count }, () => windows.hit(tenant, endpoint).allowed).filter(Boolean).length
  return {
    windows,
    many,
    pass: (ms: number) => {
      nowMs += ms
    },
  }
}

describe('Windows', () => {
  it('lets the limit of a tenant through in each window of 60 s', () => {
    const { windows, many, pass } = create()
    expect(many(60, 'a', 'decide')).toBe(50)
    expect(many(60, 'b', 'decide')).toBe(50)
    expect(many(60, 'a', 'messages')).toBe(60)
    pass(59_999)
    expect(windows.hit('a', 'decide')).toMatchObject({ allowed: false, limit: 50, remaining: 0, resetInMs: 1 })
    pass(1)
    expect(windows.hit('a', 'decide')).toMatchObject({ allowed: true, remaining: 49, resetInMs: 60_000 })
  })

  it('counts those that are let through for all together, whoever they are', () => {
    const { windows, many, pass } = create({ limits: { decide: 2, all: 5 } })
    expect(many(9, 'a', 'decide') + many(9, 'b', 'decide')).toBe(4)
    expect(many(9, 'c', 'all')).toBe(1)
    expect(windows.hit('d', 'messages')).toMatchObject({ allowed: false, endpoint: 'all', limit: 5 })
    pass(60_000)
    expect(windows.hit('d', 'messages').allowed).toBe(true)
  })

  it('blocks who asks beyond reason for 5 minutes', () => {
    const { windows, many, pass } = create()
    expect(many(500, 'a', 'messages')).toBe(100)
    expect(windows.hit('a', 'messages')).toMatchObject({ allowed: false, blocked: true, resetInMs: 300_000 })
    expect(windows.hit('b', 'messages').allowed).toBe(true)
    pass(299_999)
    expect(windows.hit('a', 'registry')).toMatchObject({ blocked: true, resetInMs: 1 })
    pass(1)
    expect(windows.hit('a', 'messages').allowed).toBe(true)
  })

  it('forgets tenants beyond a bound, the first first', () => {
    const { windows } = create({ limits: { decide: 1, all: 1_000_000 } })
    windows.hit('first', 'decide')
    for (let n = 0; n < 9_999; n++) windows.hit(`t${n}`, 'decide')
    expect(windows.hit('first', 'decide').allowed).toBe(false)
    windows.hit('one more', 'decide')
    expect(windows.hit('t5', 'decide').allowed).toBe(false)
    expect(windows.hit('first', 'decide').allowed).toBe(true)
  })
})
