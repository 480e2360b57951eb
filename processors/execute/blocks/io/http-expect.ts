/** Which statuses of a response are a success. Pure. */
import { BlockError } from '../../block.ts'

/** A status (`204`), a hundred of them (`'2xx'`), `'any'`, or a list of those. */
export type Expectation = number | string | readonly (number | string)[]

export const EXPECT_SCHEMA = {
  type: ['integer', 'string', 'array'],
  items: { type: ['integer', 'string'] },
  maxItems: 32,
  default: '2xx',
  description: 'Statuses that are a success: a number, a hundred of them such as `2xx`, `any`, or a list.',
}

/** @throws {BlockError} `REQUEST_BUILD_ERROR` */
export function expectsStatus(expectation: Expectation | undefined, status: number): boolean {
  if (expectation === undefined) return status >= 200 && status < 300
  const all = typeof expectation === 'object' ? expectation : [expectation]
  return all.some((one) => {
    const text = String(one).toLowerCase()
    if (text === 'any') return true
    const match = /^([1-5])(\d\d|xx)$/.exec(text)
    if (match === null) {
      const found = `'expect' has '${text.slice(0, 40)}'`
      throw new BlockError(
        'REQUEST_BUILD_ERROR',
        `${found}; expected a status such as 204, a hundred such as 2xx, or any`,
      )
    }
    return match[2] === 'xx' ? Math.floor(status / 100) === Number(match[1]) : status === Number(text)
  })
}

export function describeExpectation(expectation: Expectation | undefined): string {
  return expectation === undefined ? '2xx' : [expectation].flat().join(', ')
}
