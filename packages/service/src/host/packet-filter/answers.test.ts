import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { test } from 'node:test'
import { createAnswerReader } from './answers.ts'

const marker = (number: number): string =>
  `Error: File not found: ./answered-${number}\ninclude "./answered-${number}"\n^^^^^^^^^^^^^^^^^^^^^^^\n`

const refusal = `In file included from <cmdline>:1:1-18:
./larder_x.nft:11:23-29: Error: Could not process rule: No such file or directory
add rule ip larder_x nowhere accept
                     ^^^^^^^
`

/** In pieces of any size. */
const read = (text: string, most: number): readonly (readonly [number, string])[] => {
  const answers: [number, string][] = []
  const reader = createAnswerReader((number, complaint) => answers.push([number, complaint]))
  for (let at = 0; at < text.length; ) {
    const length = randomInt(1, most + 1)
    reader.push(text.slice(at, at + length))
    at += length
  }
  return answers
}

test('silence is success, and a complaint belongs to the command before its marker, however the text is cut', () => {
  for (const most of [1, 3, 20, 1_000]) {
    const answers = read([marker(0), refusal, marker(1), marker(2), refusal, marker(3)].join(''), most)
    assert.deepEqual(
      answers.map(([number, complaint]) => [number, /Could not process rule/.test(complaint)]),
      [
        [0, false],
        [1, true],
        [2, false],
        [3, true],
      ],
    )
    assert.deepEqual([answers[0]?.[1], answers[2]?.[1]], ['', ''], 'nothing of a complaint is left over for the next')
  }
})

test('answers out of turn and endless complaints are errors', () => {
  const reader = createAnswerReader(() => undefined)
  assert.throws(() => reader.push(marker(1)), /expected the answer 0, found 1/)
  const other = createAnswerReader(() => undefined)
  assert.throws(() => {
    for (let line = 0; line < 10_000; line += 1) other.push('and another complaint\n')
  }, /more than/)
})
