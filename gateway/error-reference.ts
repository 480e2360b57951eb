/** Renders `docs/errors.md` from the tables of codes. */
import { EXIT_MEANINGS } from './cli/cli-error.ts'
import * as meanings from './error-meanings.ts'
import { ERROR_STATUSES, type ErrorCode } from './errors.ts'

const INTRODUCTION = `# Error codes

This file is generated from the tables in \`gateway/error-meanings.ts\`; a test keeps it up to date, and finds codes that are in no table.

Codes are stable, messages are not: programs look at codes. Where something failed decides which table has it:

- the answer of a request: [HTTP](#http), and its \`details.code\`: [details](#details);
- a line of a batch, a record of \`ingest\`: [submissions](#submissions);
- a document that is refused: [flows](#flows);
- a step or a run: [blocks.md](blocks.md#errors-of-every-block) for the codes of steps, [flows.md](flows.md#errors) for those of the engine;
- a dead letter: [dead letters](#dead-letters);
- a process: [log](#log), [read model](#read-model), [processes](#processes);
- the command line: [exit codes](#exit-codes).`

export function errorReference(): string {
  const statuses = Object.entries(ERROR_STATUSES) as [ErrorCode, number][]
  const http = statuses.map(([code, status]) => [`${status}`, `\`${code}\``, ...cells(meanings.HTTP_MEANINGS[code])])
  const exits = EXIT_MEANINGS.map(([code, meaning]) => [String(code), meaning])
  const parts = [
    INTRODUCTION,
    '## HTTP',
    '`error.code` of an answer. 429 and 503 carry `Retry-After`. What says "the same key" is safe to send again with its `Idempotency-Key`.',
    table(['status', 'code', 'meaning', 'what to do'], http),
    ...section(
      'Details',
      '`error.details.code`, also of items of [bulk operations](bulk-operations.md).',
      meanings.DETAIL_MEANINGS,
    ),
    ...section('Submissions', 'Of bodies and of records.', meanings.SUBMISSION_MEANINGS),
    ...section('Flows', 'Of problems of a document; each has a path and a line.', meanings.FLOW_MEANINGS),
    ...section(
      'Dead letters',
      'The category of a letter. Its code is that of the step, or one of these tables.',
      meanings.LETTER_MEANINGS,
    ),
    ...section(
      'Log',
      'In the log of a process, at its end, and as `details.code` of `unavailable`.',
      meanings.LOG_MEANINGS,
    ),
    ...section('Read model', 'As `details.code` of `unavailable`.', meanings.READ_MODEL_MEANINGS),
    ...section('Processes', "Besides these, the log has Kafka's own codes as they are.", meanings.PROCESS_MEANINGS),
    '## Exit codes',
    'Of the command line.',
    table(['code', 'meaning'], exits),
  ]
  return `${parts.join('\n\n')}\n`
}

const cells = ({ meaning, next }: meanings.Meaning): readonly string[] => [meaning, next]

function section(title: string, about: string, codes: meanings.Meanings): readonly string[] {
  const rows = Object.entries(codes).map(([code, meaning]) => [`\`${code}\``, ...cells(meaning)])
  return [`## ${title}`, about, table(['code', 'meaning', 'what to do'], rows)]
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (row: readonly string[]): string => `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n')
}
