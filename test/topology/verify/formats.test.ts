import { describe, expect, it } from 'vitest'
import { parseClientLine, parseLedgerLine, parseLines } from '../../../topology/verify/formats.ts'

describe('parseLines', () => {
  it('reads a ledger, and leaves out what else is in a line', () => {
    const text = '{"key":"t/r/s/1","at_ms":5,"status":200}\n\n{"key":"t/r/s/2","at_ms":6}\n'
    expect(parseLines(text, parseLedgerLine)).toEqual([
      { key: 't/r/s/1', at_ms: 5 },
      { key: 't/r/s/2', at_ms: 6 },
    ])
  })

  it('reads a last line without line end', () => {
    expect(parseLines('{"key":"a","at_ms":5}', parseLedgerLine)).toHaveLength(1)
  })

  it('leaves out a last line that was cut off', () => {
    expect(parseLines('{"key":"a","at_ms":5}\n{"key":"b","at', parseLedgerLine)).toHaveLength(1)
  })

  it.each([
    ['{"key":"a","at', 'line 1: expected a JSON object, found'],
    ['[1]', 'line 1: expected a JSON object, found "[1]"'],
    ['{"at_ms":5}', "line 1: 'key' must be a string; found nothing"],
    ['{"key":"a","at_ms":"5"}', 'line 1: \'at_ms\' must be a number; found "5"'],
  ])('says what is wrong with the ledger line %s', (line, message) => {
    expect(() => parseLines(`${line}\n`, parseLedgerLine)).toThrow(message)
  })

  it.each([
    ['{"op":"drop"}', "line 2: 'op' must be 'submit' or 'cancel'; found \"drop\""],
    ['{"op":"submit"}', "line 2: 'run_id' must be a string; found nothing"],
    ['{"op":"submit","run_id":"x","accepted":1}', "line 2: 'accepted' must be true or false; found 1"],
    ['{"op":"submit","run_id":"x","accepted":true}', "line 2: 'at_ms' must be a number; found nothing"],
  ])('says what is wrong with the client line %s', (line, message) => {
    const good = '{"op":"cancel","run_id":"x","accepted":false,"at_ms":1}'
    expect(() => parseLines(`${good}\n${line}\n`, parseClientLine)).toThrow(message)
  })
})
