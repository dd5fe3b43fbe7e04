/**
 * What happens in one step on the Redis server. A script is a transaction there: no other command comes between, and the log of writes and
 * the replicas get its effects together or not at all.
 *
 * KEYS: cursor, state, and of WRITE the streams. The state is a hash: `fence`, `batch` (how many writes under this fence), `lanes`, `relay` (of
 * the plain cursor), and of each relay `epoch:R`, `seq:R`, `time:R`.
 */

/** Moves the cursor of a relay, never back within its epoch. Texts in, so that no number loses a digit. */
const MOVE = `
local function move(relay, epoch, seq, time)
  local at = redis.call('HMGET', KEYS[2], 'epoch:' .. relay, 'seq:' .. relay)
  local epochs = tonumber(at[1] or '0') - tonumber(epoch)
  if epochs > 0 or (epochs == 0 and tonumber(at[2] or '0') > tonumber(seq)) then return end
  redis.call('SET', KEYS[1], seq)
  redis.call('HSET', KEYS[2], 'relay', relay, 'epoch:' .. relay, epoch, 'seq:' .. relay, seq)
  if time ~= '' then redis.call('HSET', KEYS[2], 'time:' .. relay, time) end
end
`;

/** `fenced`, `set-back`, or false where all is as this process left it. */
const JUDGE = `
local function judge(fence, batch)
  local held = redis.call('HMGET', KEYS[2], 'fence', 'batch')
  if held[1] ~= fence then
    if held[1] and tonumber(held[1]) > tonumber(fence) then return 'fenced' end
    return 'set-back'
  end
  if held[2] ~= batch then return held[2] end
  return false
end
`;

/** ARGV: lanes, or empty where the stream has none. Answers the fence, which the clock makes larger than any that a lost memory held. */
export const ACQUIRE = `
local held = redis.call('HMGET', KEYS[2], 'fence', 'lanes')
if ARGV[1] ~= '' and held[2] and held[2] ~= ARGV[1] then return {'lanes', held[2]} end
local time = redis.call('TIME')
local fence = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
if held[1] and tonumber(held[1]) >= fence then fence = tonumber(held[1]) + 1 end
local text = string.format('%.0f', fence)
redis.call('HSET', KEYS[2], 'fence', text, 'batch', '0')
if ARGV[1] ~= '' then redis.call('HSET', KEYS[2], 'lanes', ARGV[1]) end
return {'taken', text}
`;

/** ARGV: fence, batch, relay, epoch, seq, time. */
export const SAVE = `${JUDGE}${MOVE}
local trouble = judge(ARGV[1], ARGV[2])
if trouble then return trouble == 'fenced' and 'fenced' or 'set-back' end
move(ARGV[3], ARGV[4], ARGV[5], ARGV[6])
return 'saved'
`;

/**
 * ARGV: fence, batch (after this write), the batch before, relay, epoch, seq, time, MAXLEN or 0, and then of each entry the place of its stream
 * in KEYS, how many fields and values follow, and these. Answers the streams' lengths, and how many entries MAXLEN has dropped. The same batch
 * once more, since an answer got lost, writes nothing.
 */
export const WRITE = `${JUDGE}${MOVE}
local trouble = judge(ARGV[1], ARGV[3])
if trouble == 'fenced' or trouble == 'set-back' then return {trouble} end
local dropped = 0
if trouble ~= ARGV[2] then
  if trouble then return {'set-back'} end
  local at = 9
  while at <= #ARGV do
    local key, count = KEYS[tonumber(ARGV[at])], tonumber(ARGV[at + 1])
    redis.call('XADD', key, '*', unpack(ARGV, at + 2, at + 1 + count))
    at = at + 2 + count
  end
  if ARGV[8] ~= '0' then
    for i = 3, #KEYS do dropped = dropped + redis.call('XTRIM', KEYS[i], 'MAXLEN', '~', ARGV[8]) end
  end
  move(ARGV[4], ARGV[5], ARGV[6], ARGV[7])
  redis.call('HSET', KEYS[2], 'batch', ARGV[2])
end
local answer = {'written', dropped}
for i = 3, #KEYS do answer[#answer + 1] = redis.call('XLEN', KEYS[i]) end
return answer
`;
