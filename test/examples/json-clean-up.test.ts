/** The example json-clean-up, as `npm run example -- json-clean-up` plays it. */
import { expect, it } from 'vitest'
import { type Contact, jsonCleanUp } from '../../load/examples/json-clean-up/json-clean-up.ts'
import { play } from './support.ts'

const contact = (
  id: string,
  name: string,
  email: string,
  [phone, born, spent_cents]: readonly [string | null, string | null, number],
  newsletter: boolean,
  tags: readonly string[],
): Contact => ({ id, name, email, phone, born, spent_cents, newsletter, tags })

const EXPECTED: readonly Contact[] = [
  contact('17', 'Ada Byron', 'ada.byron@example.org', ['+442079460017', '1985-12-10', 123450], true, ['books', 'vip']),
  contact('18', 'Grace Murray', 'grace@example.org', ['+12025550118', '1976-12-09', 123450], true, [
    'compilers',
    'navy',
  ]),
  contact('19', 'Joan Clarke', 'joan@example.org', ['+441632960019', '1987-06-24', 9900], false, []),
  contact('20', 'Emmy Noether', 'emmy@example.org', [null, '1982-03-23', 0], true, ['rings']),
  contact('21', 'Mary Somerville', 'mary@example.org', [null, null, 1200000], false, []),
  contact('22', 'Edith Clarke', 'edith@example.org', [null, '1983-02-10', 234567], false, ['engineering', 'power']),
  contact('23', 'Sofja Kowalewskaja', 'sofja@example.org', ['+46852500023', '1990-01-15', 120000], true, ['waves']),
  contact('24', 'Hedy Lamarr', 'hedy@example.org', ['+4315550024', '1974-11-09', 0], true, ['film', 'radio']),
]

it('delivers records of one form, the one without an address after a patch', async () => {
  const { result, said } = await play(jsonCleanUp)
  expect(result.unclean).toEqual(EXPECTED.map(() => 422))
  expect(result.runs.filter(({ status }) => status !== 'completed')).toMatchObject([
    {
      status: 'failed',
      failed_step: 'tidy',
      idempotency_key: 'contacts.jsonl:7',
      error: { code: 'SCRIPT_ERROR', message: expect.stringContaining('no e-mail address anywhere in the record') },
    },
  ])
  expect(result.replayed).toMatchObject([{ status: 'completed', output: { id: '23', email: 'sofja@example.org' } }])
  expect(result.contacts).toEqual(EXPECTED)
  expect(said).toContain('7 delivered, 1 failed')
})
