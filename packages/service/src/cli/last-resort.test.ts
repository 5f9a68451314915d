import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import { LarderError } from '../errors.ts'
import { endOnDefects } from './last-resort.ts'

const world = () => {
  const lines: unknown[][] = []
  const said: string[] = []
  const ends: number[] = []
  const target = Object.assign(new EventEmitter(), { exit: (status: number) => void ends.push(status) })
  endOnDefects(
    target,
    (...line) => void lines.push(line),
    (text) => void said.push(text),
  )
  return { target, lines, said, ends }
}

for (const event of ['uncaughtException', 'unhandledRejection'])
  test(`a defect (${event}) ends the service, and its reason is told`, () => {
    const { target, lines, said, ends } = world()
    target.emit(event, new TypeError('x is not a function'))
    assert.deepEqual(ends, [1])
    assert.match(String(lines[0]?.[1]), /the service ends$/)
    assert.match(JSON.stringify(lines[0]?.[2]), /last-resort\.test\.ts/, 'the place is in the log')
    assert.match(said.join(''), /^larder: a defect ends the service.*TypeError: x is not a function/)
    target.emit(event, 'a text')
    assert.match(said.join(''), /a text/)
  })

test('a shortage that nobody caught is logged, and the service goes on', () => {
  const { target, lines, ends } = world()
  for (const code of ['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN', 'ENOBUFS']) {
    const error = Object.assign(new Error(`spawn ${code}`), { code })
    target.emit('uncaughtException', error)
    target.emit('unhandledRejection', new LarderError('machine', 'x', { cause: error }))
  }
  assert.deepEqual(ends, [])
  assert.equal(lines.length, 10)
})
