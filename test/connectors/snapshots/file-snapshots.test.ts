import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fileSnapshots } from '../../../connectors/snapshots/file-snapshots.ts'

let folder: string
let reasons: string[]
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'snapshots-'))
  reasons = []
})
afterEach(() => rmSync(folder, { recursive: true }))

const store = () => fileSnapshots(folder, (reason) => reasons.push(reason))
const entries = [
  { key: 'éa', value: Buffer.from([1, 2, 3]) },
  { key: 'b', value: Buffer.alloc(0) },
]
const path = () => join(folder, 'task-2.snapshot')

describe('fileSnapshots', () => {
  it('gives back what was saved', async () => {
    await store().save(2, 'log', { position: 17, entries })
    const loaded = await store().load(2, 'log')
    expect(loaded?.position).toBe(17)
    expect([...loaded!.entries]).toEqual(entries)
    expect(reasons).toEqual([])
  })

  it('has none at first', async () => {
    expect(await store().load(2, 'log')).toBeNull()
    expect(reasons).toEqual([])
  })

  it('has none once it was discarded, and says so', async () => {
    await store().save(2, 'log', { position: 17, entries })
    await store().discard(2)
    expect(await store().load(2, 'log')).toBeNull()
    expect(reasons).toEqual([expect.stringContaining('ahead of the log')])
    await store().discard(2)
  })

  it.each([
    ['a flipped byte', () => flip(40), /checksum is wrong/],
    ['a cut', () => truncateSync(path(), 30), /cut short/],
    ['another file', () => writeFileSync(path(), 'something else entirely, long enough'), /does not begin as/],
  ])('does not use %s', async (_, damage, reason) => {
    await store().save(2, 'log', { position: 17, entries })
    damage()
    expect(await store().load(2, 'log')).toBeNull()
    expect(reasons[0]).toMatch(reason)
  })

  it('does not use the snapshot of another log', async () => {
    await store().save(2, 'other', { position: 17, entries })
    expect(await store().load(2, 'log')).toBeNull()
    expect(reasons[0]).toMatch(/belongs to log other, not log/)
  })

  function flip(at: number): void {
    const bytes = readFileSync(path())
    bytes[at]! ^= 1
    writeFileSync(path(), bytes)
  }
})
