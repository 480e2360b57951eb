/**
 * Stands for the service of another team that knows the customers: `GET /customers/ID` with a token, `PUT /customers/ID` to add one.
 * It is busy at its first call.
 */
import { readFileSync } from 'node:fs'
import { bodyOf, jsonOf, sendJson, serveHttp } from '../serve.ts'
import type { Customer } from './customer.ts'

const [file = '', token = ''] = process.argv.slice(2)
const list = JSON.parse(readFileSync(file, 'utf8')) as readonly Customer[]
const customers = new Map(list.map((customer) => [customer.id, customer]))
let calls = 0

await serveHttp(async (request, response) => {
  if (request.method === 'GET' && request.url === '/calls') return sendJson(response, 200, { calls })
  calls++
  const [, id = ''] = /^\/customers\/([\w-]+)$/.exec(request.url ?? '') ?? []
  if (request.headers.authorization !== `Bearer ${token}`) return sendJson(response, 401, { error: 'who are you?' })
  if (calls === 1) return sendJson(response, 503, { error: 'busy' }, { 'retry-after': '1' })
  if (request.method === 'PUT') {
    customers.set(id, await jsonOf<Customer>(request))
    return sendJson(response, 201, customers.get(id))
  }
  await bodyOf(request)
  const found = customers.get(id)
  if (found === undefined) return sendJson(response, 404, { error: `no customer '${id}'` })
  sendJson(response, 200, found)
})
