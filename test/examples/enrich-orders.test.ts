/** The example enrich-orders, as `npm run example -- enrich-orders` plays it. */
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { enrichOrdersIn } from '../../load/examples/enrich-orders/enrich-orders.ts'
import { play, withPostgres } from './support.ts'

const file = (name: string): string =>
  readFileSync(new URL(`../../docs/examples/enrich-orders/${name}`, import.meta.url), 'utf8')

/** Cents, by hand from the tables in `warehouse.sql`. */
const PRICES: { readonly [sku: string]: number } = Object.fromEntries(
  [...file('warehouse.sql').matchAll(/\('(\w+)', '[^']*', (\d+)\)/g)].map(([, sku, cents]) => [sku!, Number(cents)]),
)

const warehouses = [
  { name: 'a stand-in', database: ['--stand-in'] as const },
  ...(withPostgres ? [{ name: 'PostgreSQL', database: [] }] : []),
]

it.each(warehouses)(
  'enriches each order once, the one of the unknown customer after its replay, with $name',
  async ({ database }) => {
    const { result, said } = await play(enrichOrdersIn(database))
    const orders = file('orders.jsonl')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    const discounts = new Map<string, number>([['c-99', 0]])
    for (const { id, discount } of JSON.parse(file('customers.json'))) discounts.set(id, discount)

    expect(result.runs.filter(({ status }) => status !== 'completed')).toMatchObject([
      { input: { order: 'o-1006' }, status: 'failed', failed_step: 'customer', error: { code: 'HTTP_ERROR' } },
    ])
    expect(result.repeated.map(({ run_id }) => run_id)).toEqual(result.runs.map(({ run_id }) => run_id))
    expect(result.replayed).toMatchObject([{ status: 'completed', input: { order: 'o-1006' } }])
    // the customer service was busy once, and that step was tried again
    const attempts = result.runs.flatMap(({ steps }) => steps.flatMap(({ failed_attempts }) => failed_attempts))
    expect(attempts).toMatchObject([{ attempt: 1, error: { code: 'HTTP_ERROR', class: 'transient' } }])
    // a call for each order, one in vain, the newcomer, and the replay
    expect(result.calls).toBe(orders.length + 3)

    const expected = orders.map(({ order, customer, lines }) => {
      const full = lines.reduce(
        (sum: number, { sku, qty }: { sku: string; qty: number }) => sum + PRICES[sku]! * qty,
        0,
      )
      return { order_id: order, full_cents: full, due_cents: Math.round(full * (1 - discounts.get(customer)!)) }
    })
    expect(expected).toHaveLength(10)
    expect(result.rows).toMatchObject(expected)
    expect(said).toContain('o-1006  Edith Clarke     US           3   321.50')
  },
)
