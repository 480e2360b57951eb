/**
 * Stands for the place where a company keeps its pictures: `GET /pictures/NAME.png`, `PUT` and `GET` of `/thumbnails/NAME.png` and
 * `/outlines/NAME.rgb`, `GET /` to look at them in a browser. One picture, which is told by name, is half a file until `POST /mend`.
 */
import { readFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { bodyOf, sendJson, serveHttp } from '../serve.ts'
import { encodePng } from './blocks/png.ts'
import { draw, type Scene } from './draw.ts'

const [file = '', broken = ''] = process.argv.slice(2)
const scenes = JSON.parse(readFileSync(file, 'utf8')) as readonly Scene[]
const pictures = new Map(scenes.map((scene) => [scene.name, encodePng(draw(scene))]))
const whole = pictures.get(broken)!
pictures.set(broken, whole.subarray(0, whole.length >> 1))
const thumbnails = new Map<string, Buffer>()
const outlines = new Map<string, Buffer>()
const folders: { readonly [folder: string]: ReadonlyMap<string, Buffer> } = { pictures, thumbnails, outlines }
const PNG = Buffer.from('\x89PNG', 'latin1')

await serveHttp(async (request, response) => {
  const body = await bodyOf(request)
  const [, folder = '', name = ''] = /^\/(\w+)\/([a-z0-9-]+)\.(?:png|rgb)$/.exec(request.url ?? '') ?? []
  if (request.method === 'POST' && request.url === '/mend') {
    pictures.set(broken, whole)
    return sendJson(response, 200, {})
  }
  if (request.url === '/') return sendPage(response)
  if (request.method === 'PUT' && folder === 'thumbnails') {
    if (!body.subarray(0, 4).equals(PNG)) return sendJson(response, 415, { error: 'expected a PNG' })
    thumbnails.set(name, body)
    return sendJson(response, 201, { name, bytes: body.length })
  }
  if (request.method === 'PUT' && folder === 'outlines') {
    outlines.set(name, body)
    return sendJson(response, 201, { name, bytes: body.length })
  }
  const found = folders[folder]?.get(name)
  if (found === undefined) return sendJson(response, 404, { error: 'there is no such picture' })
  response
    .writeHead(200, {
      'content-type': folder === 'outlines' ? 'application/octet-stream' : 'image/png',
      'content-length': found.length,
    })
    .end(found)
})

function sendPage(response: ServerResponse): void {
  const images = scenes.map(
    ({ name }) => `<img src="/pictures/${name}.png" height="120"> <img src="/thumbnails/${name}.png">`,
  )
  response
    .writeHead(200, { 'content-type': 'text/html' })
    .end(`<!doctype html><title>Pictures</title>${images.join('<br>')}`)
}
