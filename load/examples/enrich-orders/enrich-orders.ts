/** Orders are enriched over HTTP and SQL; one whose customer nobody knows becomes a dead letter, which is replayed when somebody has mended that. */
import { fileURLToPath } from 'node:url'
import { Client } from 'pg'
import type { Example } from '../example.ts'
import type { RunOf, Stage } from '../stage.ts'
import type { StandIn } from '../stand-in.ts'
import { tableOf } from '../table.ts'
import type { Customer } from './customer.ts'

interface ShopOrder {
  readonly order: string
  readonly customer: string
  readonly lines: readonly { readonly sku: string; readonly qty: number }[]
}

export interface EnrichedOrder {
  readonly order_id: string
  readonly customer: string
  readonly country: string
  readonly items: number
  readonly full_cents: number
  readonly due_cents: number
}

export interface EnrichOrdersResult {
  readonly runs: readonly RunOf<unknown>[]
  /** The same submissions once more, under the same keys. */
  readonly repeated: readonly RunOf<unknown>[]
  readonly replayed: readonly RunOf<unknown>[]
  /** What is in the database in the end. */
  readonly rows: readonly EnrichedOrder[]
  /** Requests that the customer service got. */
  readonly calls: number
}

const TOKEN = 'token-of-the-shop'
const NEWCOMER: Customer = { id: 'c-99', name: 'Edith Clarke', country: 'US', discount: 0 }

export const enrichOrders = enrichOrdersIn([])

/** With `--stand-in` the database is none of PostgreSQL's on any machine. */
export function enrichOrdersIn(database: readonly '--stand-in'[]): Example<EnrichOrdersResult> {
  return {
    name: 'enrich-orders',
    about: 'enrich orders over HTTP and SQL; replay the one whose customer was unknown',
    play: async (stage) => {
      const customers = await stage.standIn('the customer service', 'enrich-orders/customer-service.ts', [
        fileURLToPath(stage.file('customers.json')),
        TOKEN,
      ])
      const tables = fileURLToPath(stage.file('warehouse.sql'))
      const warehouse = await stage.standIn('the warehouse', 'enrich-orders/warehouse.ts', [tables, ...database])
      await stage.start({
        BEAMLINE_CONNECTIONS: JSON.stringify({ warehouse: { kind: 'postgres', url: 'secret://warehouse-url' } }),
        BEAMLINE_SECRET_WAREHOUSE_URL: warehouse.url,
        BEAMLINE_SECRET_CUSTOMERS_TOKEN: TOKEN,
      })
      await stage.publish('enrich-order.yaml', { customers: customers.url })

      const runs = await submit(stage)
      stage.say(`${runs.length} orders submitted: ${countsOf(runs)}`)
      const repeated = await submit(stage)
      const same = repeated.filter(({ run_id }, at) => run_id === runs[at]!.run_id).length
      stage.say(`submitted once more under the same keys: ${same} of them are the runs from before`)
      const replayed = await mend(stage, customers)
      const rows = await rowsOf(warehouse.url)
      stage.say(`\nIn the warehouse:\n${shown(rows)}`)
      const { calls } = await customers.json<{ readonly calls: number }>('/calls')
      return { runs, repeated, replayed, rows, calls }
    },
  }
}

async function submit(stage: Stage): Promise<readonly RunOf<unknown>[]> {
  const orders = stage.lines<ShopOrder>('orders.jsonl')
  return stage.runAll(orders.map((input) => ({ flow: 'enrich-order', input, idempotency_key: input.order })))
}

function countsOf(runs: readonly RunOf<unknown>[]): string {
  const completed = runs.filter(({ status }) => status === 'completed').length
  return `${completed} completed, ${runs.length - completed} failed`
}

async function mend(stage: Stage, customers: StandIn): Promise<readonly RunOf<unknown>[]> {
  for (const { error, step_id, letter_id } of await stage.letters('enrich-order', 'open')) {
    stage.say(`dead letter ${letter_id}: step ${step_id}: ${error.code}: ${error.message}`)
  }
  await customers.ask(`/customers/${NEWCOMER.id}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${TOKEN}` },
    body: JSON.stringify(NEWCOMER),
  })
  stage.say(`customer ${NEWCOMER.id} is added; the letter is replayed`)
  return stage.replay('enrich-order', `customer ${NEWCOMER.id} was added`)
}

async function rowsOf(url: string): Promise<readonly EnrichedOrder[]> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<EnrichedOrder>('select * from enriched_orders order by order_id')).rows
  } finally {
    await client.end()
  }
}

function shown(rows: readonly EnrichedOrder[]): string {
  return tableOf(
    ['order', 'customer', 'country', 'items', 'full', 'due'],
    rows.map((row) => [
      row.order_id,
      row.customer,
      row.country,
      row.items,
      inUnits(row.full_cents),
      inUnits(row.due_cents),
    ]),
  )
}

function inUnits(cents: number): string {
  return (cents / 100).toFixed(2)
}
