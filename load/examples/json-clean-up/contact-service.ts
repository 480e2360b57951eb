/** Stands for the place where clean contacts are wanted: `PUT /contacts/ID` takes what its schema takes, and says 422 to all else; `GET /contacts`. */
import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { jsonOf, sendJson, serveHttp } from '../serve.ts'

const [file = ''] = process.argv.slice(2)
const check = new Ajv2020({ allErrors: true }).compile(JSON.parse(readFileSync(file, 'utf8')) as object)
const contacts = new Map<string, unknown>()

await serveHttp(async (request, response) => {
  if (request.method === 'GET') return sendJson(response, 200, [...contacts.values()])
  const contact = await jsonOf<{ readonly id: string }>(request)
  if (!check(contact)) {
    const errors = (check.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`)
    return sendJson(response, 422, { errors })
  }
  contacts.set(contact.id, contact)
  sendJson(response, 200, contact)
})
