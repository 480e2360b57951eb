/** Messages as a file: JSON, or CSV that no spreadsheet takes for formulas. */
import type { MessageView } from './message-view.ts'

export const EXPORT_FORMATS = ['json', 'csv'] as const
export type ExportFormat = (typeof EXPORT_FORMATS)[number]

const COLUMNS = [
  'message_id',
  'tenant_id',
  'message_type',
  'status',
  'created_at',
  'updated_at',
  'provider_id',
  'trace_id',
  'error',
  'payload',
  'metadata',
] as const
/** What a spreadsheet takes for the begin of a formula, also after white space, and in its full-width forms. */
const FORMULA = /^[\s\p{Cc}]*[=+\-@|%\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]/u

export function messagesCsv(messages: readonly MessageView[]): string {
  const lines = messages.map((message) => COLUMNS.map((column) => cell(textOf(message, column))).join(','))
  return [COLUMNS.join(','), ...lines, ''].join('\r\n')
}

/** In quotes; what would be a formula gets an apostrophe before it, which spreadsheets show as text. */
export function cell(text: string): string {
  const safe = FORMULA.test(text) ? `'${text}` : text
  return `"${safe.replaceAll('"', '""')}"`
}

function textOf(message: MessageView, column: (typeof COLUMNS)[number]): string {
  switch (column) {
    case 'created_at':
      return new Date(message.created_at_ms).toISOString()
    case 'updated_at':
      return new Date(message.updated_at_ms).toISOString()
    case 'error':
      return message.error === null ? '' : `${message.error.code}: ${message.error.message}`
    case 'payload':
    case 'metadata': {
      const value = message[column]
      return value === null ? '' : typeof value === 'string' ? value : JSON.stringify(value)
    }
    default:
      return message[column] ?? ''
  }
}
