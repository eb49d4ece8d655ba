/**
 * What an agent may print to hurt the instance it runs on, as directives of the echo harness: its commands write
 * straight to the agent's own stdout and stderr, as a tool of any agent can.
 */

/**
 * Hands stdin on to an agent's stream, which does not block: most programs give up on one that is full for a
 * moment. Fails unless so many bytes arrived there, so that an attack that did not take place shows as a failed tool.
 */
const relay = (minBytes: number) =>
  `node -e "let n = 0; process.stdin.on('data', c => { n += c.length }).on('end', () => { if (n < ${minBytes}) process.exitCode = 1 }).pipe(process.stdout)"`

/** A directive whose command prints at least so many bytes to the agent's own stdout (1) or stderr (2). */
export const print = (command: string, minBytes = 1, fd = 1) =>
  `run { ${command}; } | ${relay(minBytes)} >&${fd + 2}`
/** The same for what a line of Node prints. */
export const printFromNode = (code: string, minBytes = 1) => print(`node -e '${code}'`, minBytes)

const tools = (line: string) =>
  printFromNode(`for (let i = 0; i < 8e3; i++) console.log(JSON.stringify(${line}))`, 3e5)
/** Too much of it: each far more than a run of the attacked instance keeps. */
export const FLOODS: [attempt: string, ...directives: string[]][] = [
  ['a line of 150 MB', print('head -c 150000000 /dev/zero | tr "\\0" x; echo', 15e7)],
  ['a flood of 40 MB in lines', print(`yes ${'flood'.repeat(20)} | head -c 40000000; echo`, 4e7)],
  ['1,500,000 lines of three characters', print('yes 123 | head -n 1500000', 6e6)],
  ['200,000 empty lines', print('yes "" | head -n 200000', 2e5)],
  ['a flood of errors only', print('yes "error $(seq -s " " 30)" | head -c 20000000', 2e7, 2)],
  ['an error of 40 MB', print('head -c 40000000 /dev/zero | tr "\\0" x', 4e7, 2)],
  ['20,000 lines that are events', print(`yes '{"type":"assistant","text":"x"}' | head -n 20000`, 6e5)],
  ['8,000 tools that never end', tools('{type:"tool_started",id:"t"+i,command:"x"}')],
  ['8,000 tools that end without a beginning', tools('{type:"tool_finished",id:"t"+i,exitCode:0}')],
]
const json = (value: string) => printFromNode(`console.log(${value})`, 1e5)
const tool = (output: string) =>
  json(
    `JSON.stringify({type:"tool_started",id:"x",command:"c"})+"\\n"+JSON.stringify({type:"tool_finished",id:"x",exitCode:0,output:${output}})`,
  )
/** Made to be slow or large to read. */
export const BOMBS: [attempt: string, directive: string][] = [
  ['a tool output of 8 MB in one line', tool('"y".repeat(8e6)')],
  ['a tool output of 2 MB of characters that JSON writes as six', tool('"\\u0001".repeat(2e6)')],
  [
    'JSON that nests a hundred thousand times',
    json('"{\\"type\\":\\"assistant\\",\\"text\\":"+"[".repeat(1e5)+"]".repeat(1e5)+"}"'),
  ],
  [
    'JSON of 100,000 keys',
    json('JSON.stringify(Object.fromEntries(Array.from({length:1e5},(_,i)=>["key"+i,1])))'),
  ],
  ['JSON of a million entries', json('JSON.stringify({type:"assistant",text:"x",list:Array(1e6).fill(0)})')],
  ['JSON in JSON in JSON', tool('JSON.stringify(JSON.stringify(JSON.stringify([..."x".repeat(1e5)])))')],
  ['JSON that never closes', json('"{\\"type\\":\\"assistant\\",\\"text\\":\\""+"x".repeat(3e6)')],
  ['a number of a million digits', json('"{\\"type\\":\\"usage\\",\\"input\\":"+"9".repeat(1e6)+"}"')],
  [
    'a megabyte of beginnings of keys',
    tool('"sk-".repeat(3e5)+"x-access-token:".repeat(1e5)+"Bearer ".repeat(1e5)'),
  ],
  ['a megabyte of private keys that never end', tool('"-----BEGIN ".repeat(1e5)')],
  [
    'names of a megabyte',
    json(
      'JSON.stringify({type:"tool_started",id:"i".repeat(1e6),command:"c"})+"\\n"+JSON.stringify({type:"tool_finished",id:"i".repeat(1e6),exitCode:0,output:"o"})',
    ),
  ],
]
/** No text that anybody expects. */
export const ODD: [attempt: string, directive: string][] = [
  ['escapes of a terminal', print("printf '\\033]0;title\\007\\033[2J\\033[31mred\\r\\b\\n'")],
  ['bytes that are no UTF-8', print("printf '\\377\\376\\300\\200 \\355\\240\\200\\n'")],
  ['NUL, raw and in JSON', print(`printf 'a\\0b\\n{"type":"assistant","text":"a\\\\u0000b"}\\n'`)],
  [
    'half a character in every place of JSON',
    print(
      `printf '{"type":"tool_started","id":"\\\\ud800","command":"\\\\udc00"}\\n{"type":"tool_finished","id":"\\\\ud800","exitCode":0,"output":"\\\\ud83d"}\\n'`,
    ),
  ],
  [
    'all of a name that JavaScript treats differently',
    print(
      `echo '{"type":"tool_started","id":"__proto__","command":"constructor","__proto__":{"type":"error"}}'; echo '{"type":"tool_finished","id":"__proto__","exitCode":0,"output":{"__proto__":1,"constructor":{}}}'`,
    ),
  ],
  ['lines of a stream of events', print("printf 'id: 1\\ndata: {}\\n\\nevent: end\\n'")],
]
/** Cut in two by a limit of ours: of previews, pieces of output, strings, lines. */
const EDGES = [200, 2_000, 4_000, 20_000, 40_000, 65_536, 67_636]
const edges = EDGES.map(
  length =>
    `head -c ${length - 12} /dev/zero | tr "\\0" .; printf " $REPO_SECRET"; head -c 5000 /dev/zero | tr "\\0" .; echo`,
)
/** Without the secrets it would be less. */
const EDGES_BYTES = EDGES.reduce((sum, length) => sum + length + 5_010, 0)
/** With the repository's variable `REPO_SECRET` where it could slip through. */
export const LEAKS: [attempt: string, ...directives: string[]][] = [
  [
    'at every edge of a cut',
    ...[1, 2].map(fd => print(edges.join('; '), EDGES_BYTES, fd)),
    ...edges.map(command => `run ${command}`),
  ],
  [
    'in two writes',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: of the shell
    print('printf "%.16s" "$REPO_SECRET"; sleep 0.3; printf "%s\\n" "${REPO_SECRET#????????????????}"', 34),
  ],
  [
    'as the name and the id of a tool',
    print(
      `echo "{\\"type\\":\\"tool_started\\",\\"id\\":\\"$REPO_SECRET\\",\\"command\\":\\"$REPO_SECRET\\"}"`,
      100,
    ),
  ],
  [
    'behind 3 MB of JSON',
    print(
      `printf '{"type":"tool_finished","id":"a","exitCode":0,"output":"'; head -c 3000000 /dev/zero | tr "\\0" .; printf '%s","%s":"%s"}\\n' "$REPO_SECRET" "$REPO_SECRET" "$REPO_SECRET"`,
      3_000_150,
    ),
  ],
  [
    'in a line that is cut while it is read',
    print(
      'head -c 67000 /dev/zero | tr "\\0" .; while :; do printf "$REPO_SECRET"; done | head -c 300000; echo',
      367_000,
    ),
  ],
]
