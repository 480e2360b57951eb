import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Behaviour, behaviourOf } from '../../load/sink/behaviour.ts'
import { Sink } from '../../load/sink/sink.ts'
import { parseLedgerLine, parseLines } from '../../topology/verify/formats.ts'

const SHARES = { busy: 0.2, slow: 0.1, broken: 0.1 }
const SEED = 1

let folder: string
let ledgerFile: string
let sink: Sink

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'beamline-test-'))
  ledgerFile = join(folder, 'ledger.jsonl')
  sink = await Sink.listen({ ledgerFile, seed: SEED, shares: SHARES, retryAfter: 3 })
})

afterEach(async () => {
  await sink.close()
  rmSync(folder, { recursive: true, force: true })
})

function deliver(item: string, key: string, signal?: AbortSignal): Promise<Response> {
  const headers = { 'idempotency-key': key }
  return fetch(`${sink.url}/deliver/${item}`, { method: 'POST', headers, ...(signal === undefined ? {} : { signal }) })
}

function itemThatIs(behaviour: Behaviour): string {
  for (let number = 0; ; number++)
    if (behaviourOf(`item-${number}`, SEED, SHARES) === behaviour) return `item-${number}`
}

test('shares are kept to, and depend on nothing but item and seed', () => {
  const items = Array.from({ length: 10_000 }, (_, index) => `item-${index}`)
  const counts = { ok: 0, busy: 0, slow: 0, broken: 0 }
  for (const item of items) counts[behaviourOf(item, SEED, SHARES)]++
  expect(counts.busy / items.length).toBeCloseTo(SHARES.busy, 1)
  expect(counts.slow / items.length).toBeCloseTo(SHARES.slow, 1)
  expect(counts.broken / items.length).toBeCloseTo(SHARES.broken, 1)
  expect(items.map((item) => behaviourOf(item, SEED, SHARES))).toEqual(
    items.map((item) => behaviourOf(item, SEED, SHARES)),
  )
})

test('an effect is done once per key and is in the ledger in the form the checker reads', async () => {
  const item = itemThatIs('ok')
  for (let call = 0; call < 2; call++) expect((await deliver(item, 'default/run/step/1')).status).toBe(200)
  expect(sink.effects.map((effect) => effect.item)).toEqual([item])
  expect(sink.repeats).toBe(1)
  const lines = parseLines(readFileSync(ledgerFile, 'utf8'), parseLedgerLine)
  expect(lines.map((line) => line.key)).toEqual(['default/run/step/1', 'default/run/step/1'])
})

test('a busy item is refused twice with Retry-After, then taken', async () => {
  const item = itemThatIs('busy')
  const answers = [await deliver(item, 'k/1'), await deliver(item, 'k/2'), await deliver(item, 'k/3')]
  expect(answers.map((answer) => [answer.status, answer.headers.get('retry-after')])).toEqual([
    [503, '3'],
    [503, '3'],
    [200, null],
  ])
  expect(sink.effects).toHaveLength(1)
})

test('a slow item hangs the first time and leaves no effect', async () => {
  const item = itemThatIs('slow')
  await expect(deliver(item, 'k/1', AbortSignal.timeout(100))).rejects.toThrow('timeout')
  expect(sink.effects).toHaveLength(0)
  expect((await deliver(item, 'k/2')).status).toBe(200)
})

test('a broken item is refused until the sink is repaired', async () => {
  const item = itemThatIs('broken')
  expect((await deliver(item, 'k/1')).status).toBe(422)
  sink.repair()
  expect((await deliver(item, 'k/2')).status).toBe(200)
})

test.each([
  ['/old-address/deliver/item-1', 404],
  ['/deliver/', 404],
])('%s answers %i', async (path, status) => {
  const answer = await fetch(`${sink.url}${path}`, { method: 'POST', headers: { 'idempotency-key': 'k' } })
  expect(answer.status).toBe(status)
})

test('a call without a key is refused', async () => {
  expect((await fetch(`${sink.url}/deliver/item-1`, { method: 'POST' })).status).toBe(400)
})
