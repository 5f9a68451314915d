import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeOutput } from './encode.ts'
import { encodeError } from './error.ts'
import { namespace, operations } from './schema.ts'

const id = '6b6b7b9e-0000-4000-8000-000000000000'

const encode = (operation: string, output: object): string => {
  const found = operations.get(operation)
  assert.ok(found, operation)
  return encodeOutput(operation, found.output, output, id)
}

/** What stands between the tags of the result. */
const resultOf = (operation: string, output: object): string | undefined =>
  new RegExp(`<${operation}Result>(.*)</${operation}Result>`, 's').exec(encode(operation, output))?.[1]

test('an answer has the form that AWS gives it, byte by byte', () => {
  assert.equal(
    encode('DescribeEvents', { Events: [{ SourceIdentifier: 'a', Date: new Date(0), Message: 'm' }], Marker: 'x' }),
    '<DescribeEventsResponse xmlns="http://elasticache.amazonaws.com/doc/2015-02-02/"><DescribeEventsResult>' +
      '<Marker>x</Marker>' +
      '<Events><Event><SourceIdentifier>a</SourceIdentifier><Message>m</Message><Date>1970-01-01T00:00:00.000Z</Date></Event></Events>' +
      `</DescribeEventsResult><ResponseMetadata><RequestId>${id}</RequestId></ResponseMetadata></DescribeEventsResponse>`,
  )
})

test('an operation without an output has no result', () => {
  assert.equal(
    encode('DeleteCacheSubnetGroup', {}),
    '<DeleteCacheSubnetGroupResponse xmlns="http://elasticache.amazonaws.com/doc/2015-02-02/">' +
      `<ResponseMetadata><RequestId>${id}</RequestId></ResponseMetadata></DeleteCacheSubnetGroupResponse>`,
  )
})

test('an output in which nothing is set has an empty result', () => {
  assert.equal(resultOf('DescribeEvents', {}), '')
})

test('an empty list is written, what is not set is not', () => {
  assert.equal(resultOf('DescribeEvents', { Events: [], Marker: undefined }), '<Events></Events>')
})

test('items have the name that the model gives them, or member', () => {
  const group = { ReplicationGroup: { MemberClusters: ['a', 'b'], UserGroupIds: ['u'], TransitEncryptionEnabled: false } }
  const written = resultOf('CreateReplicationGroup', group) ?? ''
  assert.match(written, /<MemberClusters><ClusterId>a<\/ClusterId><ClusterId>b<\/ClusterId><\/MemberClusters>/)
  assert.match(written, /<UserGroupIds><member>u<\/member><\/UserGroupIds>/)
  assert.match(written, /<TransitEncryptionEnabled>false<\/TransitEncryptionEnabled>/)
})

test('text that would be markup is written as references', () => {
  const message = (text: string): string | undefined => resultOf('DescribeEvents', { Marker: text })
  assert.equal(message(`<a b="c">&amp;]]>'`), `<Marker>&lt;a b=&quot;c&quot;&gt;&amp;amp;]]&gt;'</Marker>`)
  assert.equal(message('a\r\n\tb'), '<Marker>a&#xD;\n\tb</Marker>')
  assert.equal(message('ä€😀'), '<Marker>ä€😀</Marker>')
})

test('what XML cannot carry is left out', () => {
  const marker = resultOf('DescribeEvents', { Marker: 'a\0b\u0007c\ufffe\ud800d\udc00' })
  assert.equal(marker, '<Marker>abcd</Marker>')
})

test('an output that is not of the model is a mistake of ours, and said to be', () => {
  const wrong: readonly (readonly [object, RegExp])[] = [
    [{ Surprise: 1 }, /expected members of EventsMessage at DescribeEvents, found Surprise/],
    [{ Marker: 1 }, /expected a string for DescribeEvents\.Marker of an answer, found number/],
    [{ Marker: {} }, /expected a string/],
    [{ Events: {} }, /expected a list for DescribeEvents\.Events/],
    [{ Events: ['x'] }, /expected an object for DescribeEvents\.Events/],
    [{ Events: [null] }, /expected an object/],
    [{ Events: [{ Date: '2026' }] }, /expected a Date for DescribeEvents\.Events\.Date/],
    [{ Events: [{ Date: new Date(Number.NaN) }] }, /expected a Date/],
  ]
  for (const [output, message] of wrong) assert.throws(() => encode('DescribeEvents', output), { name: 'TypeError', message })
  const numbers: readonly (readonly [unknown, RegExp])[] = [
    [Number.NaN, /expected a number/],
    [Number.POSITIVE_INFINITY, /expected a number/],
    ['1', /expected a number/],
  ]
  for (const [NumCacheNodes, message] of numbers)
    assert.throws(() => encode('CreateCacheCluster', { CacheCluster: { NumCacheNodes } }), message)
  assert.throws(() => encode('CreateReplicationGroup', { ReplicationGroup: { MultiAZ: true } }), /expected a string/)
  assert.throws(() => encode('CreateReplicationGroup', { ReplicationGroup: { ClusterEnabled: 'true' } }), /expected a boolean/)
})

test('an error says whose it is, in the namespace of its service', () => {
  assert.equal(
    encodeError({ code: 'A', status: 404, message: '<x> & "y"\0' }, id, namespace),
    '<ErrorResponse xmlns="http://elasticache.amazonaws.com/doc/2015-02-02/"><Error><Type>Sender</Type><Code>A</Code>' +
      `<Message>&lt;x&gt; &amp; &quot;y&quot;</Message></Error><RequestId>${id}</RequestId></ErrorResponse>`,
  )
  assert.match(
    encodeError({ code: 'A', status: 500, message: '' }, id, 'urn:x'),
    /^<ErrorResponse xmlns="urn:x">.*<Type>Receiver</,
  )
})
