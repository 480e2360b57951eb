/** What is wrong with a document, for editors and people. */
import type { Problem } from './api.ts'

/** `file:line:column path: message`, which editors can follow. */
export function problemLine(file: string, { line, column, path = '', message }: Problem): string {
  const place = line === undefined ? `${file}:` : `${file}:${line}:${column ?? 1}${path === '' ? ':' : ''}`
  return `${place} ${path === '' ? '' : `${path}: `}${message}`
}
