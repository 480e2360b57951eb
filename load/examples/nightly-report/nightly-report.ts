/** A report is made from a database and sent in the morning. Beamline is killed in the night, and the mail server turns the first attempt away: one mail arrives. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { DEFAULT_TENANT } from '../../../schemas/ids.ts'
import type { Example } from '../example.ts'
import type { RunOf, Stage } from '../stage.ts'
import { type Delivery, type Mail, parseMail } from './mail.ts'

export interface NightlyReportOutput {
  readonly sent: string
  readonly to: readonly string[]
  readonly cents: number
}

export interface NightlyReportResult {
  readonly run: RunOf<NightlyReportOutput>
  /** Of the same submission, sent a second time. */
  readonly repeatedRunId: string
  readonly mails: readonly (Mail & Pick<Delivery, 'to'>)[]
  /** Messages that were offered to the mail server. */
  readonly offered: number
}

const DAY = '2026-11-20'
const NIGHT_MS = 15_000
const LOGIN = ['reports', 'correct-horse'] as const

export const nightlyReport: Example<NightlyReportResult> = {
  name: 'nightly-report',
  about: 'a report from a database by e-mail in the morning, once, though Beamline is killed in the night',
  play: async (stage) => {
    const inbox = await stage.standIn('the mail server, with its inbox,', 'nightly-report/mail-server.ts', LOGIN)
    const smtp = await inbox.json<{ readonly url: string }>('/smtp')
    fillDatabase(stage)
    await stage.start({
      BEAMLINE_CONNECTIONS: JSON.stringify({
        smtp: { kind: 'smtp', url: 'secret://mail-server', from: 'Reports <reports@example.org>' },
      }),
      BEAMLINE_SECRET_MAIL_SERVER: smtp.url,
    })
    await stage.publish('nightly-report.yaml')

    const morning = new Date(Date.now() + NIGHT_MS).toISOString()
    const runId = await submit(stage, morning)
    await stage.eventually('the report waits for the morning', async () => {
      const run = await stage.find(runId)
      return run?.steps.some((step) => step.step_id === 'morning' && step.status === 'waiting') ? run : null
    })
    stage.say('the report is written and waits for the morning; Beamline is killed (-9) and started again')
    await stage.killAndRestart()
    const repeatedRunId = await submit(stage, morning)
    stage.say(`submitted again under the same key: ${repeatedRunId === runId ? 'the same run' : 'another run'}`)

    const run = await stage.ended<NightlyReportOutput>(runId)
    const { offered, mails } = await inbox.json<{ readonly offered: number; readonly mails: Delivery[] }>('/mails')
    const parsed = mails.map(({ to, message }) => ({ to, ...parseMail(message) }))
    stage.say(`the run is ${run.status}; the mail server was asked ${offered} times and took ${mails.length}`)
    for (const mail of parsed) stage.say(`\n${shown(mail)}`)
    return { run, repeatedRunId, mails: parsed, offered }
  },
}

/** As a line of a crontab would: the key makes it one report a day, however often it is asked for. */
async function submit(stage: Stage, sendAt: string): Promise<string> {
  const answer = await stage.client.submitRun({
    headers: { 'Idempotency-Key': `nightly-report-${DAY}` },
    body: { flow: 'nightly-report', input: { day: DAY, sendAt } },
  })
  return answer.run_id
}

function fillDatabase(stage: Stage): void {
  const folder = join(stage.dataFolder, 'files', DEFAULT_TENANT)
  mkdirSync(folder, { recursive: true })
  const database = new DatabaseSync(join(folder, 'shop.db'))
  database.exec(
    'create table sales (day text not null, product text not null, qty integer not null, cents integer not null)',
  )
  const insert = database.prepare('insert into sales values (?, ?, ?, ?)')
  const [, ...lines] = stage.text('sales.csv').trim().split('\n')
  for (const line of lines) {
    const [day, product, qty, cents] = line.split(';') as [string, string, string, string]
    insert.run(day, product, Number(qty), Number(cents))
  }
  database.close()
}

function shown({ headers, parts }: Mail): string {
  const heads = ['from', 'to', 'subject', 'message-id'].map((name) => `${name}: ${headers.get(name)}`)
  const names = parts.map(({ type }) => type).join(', ')
  const text = parts.find(({ type }) => type === 'text/plain')?.text ?? ''
  return [...heads, `parts: ${names}`, '', text.trim()].map((line) => `  ${line}`.replaceAll('\n', '\n  ')).join('\n')
}
