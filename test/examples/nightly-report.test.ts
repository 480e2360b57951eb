/** The example nightly-report, as `npm run example -- nightly-report` plays it. */
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { nightlyReport } from '../../load/examples/nightly-report/nightly-report.ts'
import { play } from './support.ts'

const DAY = '2026-11-20'
const file = new URL('../../docs/examples/nightly-report/sales.csv', import.meta.url)
const sales = readFileSync(file, 'utf8')
  .trim()
  .split('\n')
  .slice(1)
  .map((line) => line.split(';'))
  .map(([day, product, qty, cents]) => ({ day: day!, product: product!, qty: Number(qty), cents: Number(cents) }))

it('sends one mail with what was sold, though the engine is killed and the server greylists', async () => {
  const { result, said } = await play(nightlyReport)
  const { run, mails } = result
  expect(run.status).toBe('completed')
  expect(result.repeatedRunId).toBe(run.run_id)
  expect(result.offered).toBe(2)
  expect(mails).toHaveLength(1)
  const mail = mails[0]!
  expect(mail.to).toEqual(['shop@example.org'])
  expect(mail.headers.get('message-id')).toBe(run.output.sent)
  expect(mail.headers.get('from')).toBe('Reports <reports@example.org>')
  expect(run.output.to).toEqual(['shop@example.org'])

  const sendAt = Date.parse((run.input as { readonly sendAt: string }).sendAt)
  const step = run.steps.find(({ step_id }) => step_id === 'mail')!
  expect(step.failed_attempts[0]!.failed_at_ms).toBeGreaterThanOrEqual(sendAt)
  expect(step.failed_attempts).toMatchObject([{ attempt: 1, error: { code: 'EMAIL_FAILED', class: 'transient' } }])

  const rows = totalsOf(DAY)
  const total = rows.reduce((sum, { cents }) => sum + cents, 0)
  expect(run.output.cents).toBe(total)
  expect(mail.headers.get('subject')).toBe(`Sales of ${DAY}: ${(total / 100).toFixed(2)} EUR`)
  expect(mail.parts.map(({ type }) => type)).toEqual(['text/plain', 'text/html', 'text/csv'])
  const [text, html, csv] = mail.parts.map((part) => part.text)
  expect(text!.trim().split('\n').slice(2)).toEqual(
    rows.map(({ product, qty, cents }) => `${qty} x ${product}: ${(cents / 100).toFixed(2)}`),
  )
  expect(html).toContain('<td>Pens &amp; paper</td>')
  expect(mail.parts[2]!.headers.get('content-disposition')).toBe(`attachment; filename=sales-${DAY}.csv`)
  expect(csv).toBe(
    [
      'product,qty,eur',
      ...rows.map((row) => `${csvText(row.product)},${row.qty},${(row.cents / 100).toFixed(2)}`),
      '',
    ].join('\n'),
  )
  expect(csv).toContain('"Chair ""Oslo"""')
  expect(said).toContain('took 1')
})

function totalsOf(day: string) {
  const totals = new Map<string, { product: string; qty: number; cents: number }>()
  for (const { product, qty, cents } of sales.filter((sale) => sale.day === day)) {
    const total = totals.get(product) ?? { product, qty: 0, cents: 0 }
    totals.set(product, { product, qty: total.qty + qty, cents: total.cents + cents })
  }
  return [...totals.values()].sort((a, b) => b.cents - a.cents || (a.product < b.product ? -1 : 1))
}

const csvText = (text: string): string => `"${text.replaceAll('"', '""')}"`
