-- Body inspection at the egress gateway. Runs in Envoy's Lua filter, after authorization.
-- In front of this text, egress/layers/mesh/body_inspection.py writes the table HOSTS, for example:
--   HOSTS["example.com"] = {enforce = true, max = 1048576, rules = {{name = "key", forms = {"sensitiveData"}}}}
-- A rule has `forms`, the same text in several character sets, compared byte by byte (`lower`: with the body in lower case), or
-- `pattern`, a Lua pattern of bounded length.
-- Neither the client nor the log is ever told what matched: the log must not become the leak.

local READABLE = {["utf-8"] = true, ["utf8"] = true, ["us-ascii"] = true, ["iso-8859-1"] = true}
local LATIN = "iso-8859-1"
local JSON_ESCAPES = {b = "\b", f = "\f", n = "\n", r = "\r", t = "\t"}
local AS_IS = {["7bit"] = true, ["8bit"] = true, ["binary"] = true}
-- A text is read in so many ways, and so many bytes of it in all; what would take more is refused.
local MOST_READINGS, MOST_READ = 64, 16 * 1024 * 1024
-- Names that XML and HTML have for characters of ASCII.
local ENTITIES = {
  Tab = "\t", NewLine = "\n", excl = "!", quot = "\"", QUOT = "\"", num = "#", dollar = "$", percnt = "%", amp = "&", AMP = "&",
  apos = "'", lpar = "(", rpar = ")", ast = "*", midast = "*", plus = "+", comma = ",", period = ".", sol = "/", colon = ":",
  semi = ";", lt = "<", LT = "<", equals = "=", gt = ">", GT = ">", quest = "?", commat = "@", lsqb = "[", lbrack = "[",
  bsol = "\\", rsqb = "]", rbrack = "]", Hat = "^", lowbar = "_", UnderBar = "_", grave = "`", DiacriticalGrave = "`",
  lcub = "{", lbrace = "{", verbar = "|", vert = "|", VerticalLine = "|", rcub = "}", rbrace = "}", nbsp = "\194\160",
}

local PERCENT = {}
for byte = 0, 255 do
  local character, hex = string.char(byte), string.format("%02x", byte)
  local high, low = hex:sub(1, 1), hex:sub(2, 2)
  for _, one in ipairs({high, high:upper()}) do
    for _, other in ipairs({low, low:upper()}) do
      PERCENT[one .. other] = character
    end
  end
end

-- The host that a request is for, as the routes and the authorization compare it: without case and port.
local function host_of(authority)
  local host = string.lower(authority or "")
  host = string.gsub(host, ":%d*$", "")
  host = string.gsub(host, "%.+$", "")
  return host
end

local function utf8(code)
  local floor, char = math.floor, string.char
  if code < 0x80 then
    return char(code)
  elseif code < 0x800 then
    return char(0xC0 + floor(code / 0x40), 0x80 + code % 0x40)
  elseif code < 0x10000 then
    return char(0xE0 + floor(code / 0x1000), 0x80 + floor(code / 0x40) % 0x40, 0x80 + code % 0x40)
  elseif code < 0x110000 then
    return char(0xF0 + floor(code / 0x40000), 0x80 + floor(code / 0x1000) % 0x40, 0x80 + floor(code / 0x40) % 0x40, 0x80 + code % 0x40)
  end
  return nil
end

-- A pair of surrogates is one character; utf8 has written each of the two as a character of its own.
local function joined(text)
  return (text:gsub("\237([\160-\175])([\128-\191])\237([\176-\191])([\128-\191])", function(a, b, c, d)
    local high = (a:byte() - 160) * 64 + b:byte() - 128
    return utf8(0x10000 + high * 1024 + (c:byte() - 176) * 64 + d:byte() - 128)
  end))
end

-- What receivers undo. Each is linear in the text, and nothing is changed where there is nothing to undo.

local function percent_of(unicode, hex, more)
  if unicode == "" then
    return PERCENT[hex] .. more
  end
  return #more == 2 and utf8(tonumber(hex .. more, 16)) or nil
end

local function percent_decoded(text)
  if text:find("%%[uU]%x") then
    return joined((text:gsub("%%([uU]?)(%x%x)(%x?%x?)", percent_of)))
  end
  return text:find("%", 1, true) and (text:gsub("%%(%x%x)", PERCENT)) or text
end

local function form_decoded(text)
  return text:find("+", 1, true) and percent_decoded((text:gsub("+", " "))) or text
end

local function code_of(hex)
  return utf8(tonumber(hex, 16))
end

local function unescaped(escape, open, hex, close)
  if escape == "u" and open ~= "" and close ~= "" and #hex > 0 and #hex <= 8 then
    return code_of(hex)
  elseif open == "" then
    local width = escape == "u" and 4 or escape == "U" and 8 or escape == "x" and 2
    if width and #hex >= width then
      return (code_of(hex:sub(1, width)) or "") .. hex:sub(width + 1) .. close
    end
  end
  return (JSON_ESCAPES[escape] or escape) .. open .. hex .. close
end

-- JSON's escapes, and with them those of languages that write texts in the same way.
local function json_decoded(text)
  return text:find("\\", 1, true) and joined((text:gsub("\\(.)({?)(%x*)(}?)", unescaped))) or text
end

local function character_of(reference, ended)
  local hex, behind = reference:match("^#[xX](%x+)(.*)$")
  local digits, base = hex, 16
  if not hex then
    digits, behind = reference:match("^#(%d+)(.*)$")
    base = 10
  end
  if not digits then
    return ended ~= "" and ENTITIES[reference] or nil
  end
  local code = tonumber((digits:gsub("^0+", "")), base) or 0
  local character = code < 0x110000 and utf8(code)
  return character and character .. behind .. (behind == "" and "" or ended) or nil
end

local function entity_decoded(text)
  return text:find("&", 1, true) and joined((text:gsub("&(#?%w+)(;?)", character_of))) or text
end

-- Without everything between two marks, marks included; what is not closed stays.
local function without(text, open, close)
  local from, last = text:find(open, 1, true)
  if not from then
    return text
  end
  local parts, position = {}, 1
  while from do
    local _, ended = text:find(close, last + 1, true)
    if not ended then
      break
    end
    parts[#parts + 1] = text:sub(position, from - 1)
    position = ended + 1
    from, last = text:find(open, position, true)
  end
  parts[#parts + 1] = text:sub(position)
  return table.concat(parts)
end

-- The text of XML as its parser hands it on: comments, instructions and the marks of CDATA part nothing.
local function xml_joined(text)
  if not text:find("<[!?]") then
    return text
  end
  local found = without(without(text, "<!--", "-->"), "<?", "?>")
  return (found:gsub("<!%[CDATA%[", ""):gsub("%]%]>", ""))
end

-- ASCII of UTF-16 and UTF-32, wherever it begins. Rules with other characters come in these forms as well (inspection.py).
local function without_zeros(text)
  return text:find("\0", 1, true) and (text:gsub("%z+", "")) or text
end

-- UTF-16 and UTF-32 that show at their beginning, by which of the first bytes are zero: as receivers find out that are not told.
local function wide_decoded(text)
  local a, b, c, d = text:byte(1, 4)
  if not b or (a ~= 0) == (b ~= 0) and not (a == 0 and c == 0 and d ~= 0) then
    return text
  end
  local big = a == 0
  if d and (big and b == 0 or not big and c == 0 and d == 0) then
    return (text:gsub("(.)(.)(.)(.)", function(one, two, three, four)
      local w, x, y, z = (big and one .. two .. three .. four or four .. three .. two .. one):byte(1, 4)
      return utf8(((w * 256 + x) * 256 + y) * 256 + z)
    end))
  end
  return joined((text:gsub("(.)(.)", function(one, two)
    local high, low = (big and one .. two or two .. one):byte(1, 2)
    return utf8(high * 256 + low)
  end)))
end

local function from_latin(text)
  return (text:gsub("[\128-\255]", function(character) return utf8(character:byte()) end))
end

local UNDONE = {percent_decoded, form_decoded, json_decoded, entity_decoded, xml_joined, without_zeros, wide_decoded}

-- The name of the first rule that a text breaks.
local function broken(rules, text)
  local lower
  for _, rule in ipairs(rules) do
    local where = text
    if rule.lower then
      lower = lower or text:lower()
      where = lower
    end
    for _, form in ipairs(rule.forms or {}) do
      if where:find(form, 1, true) then
        return rule.name
      end
    end
    if rule.pattern and where:find(rule.pattern) then
      return rule.name
    end
  end
  return nil
end

-- The character set that XML declares in a text and that cannot be read, and entities that it makes itself.
local function unreadable_xml(text)
  if text:find("<!ENTITY", 1, true) then
    return true
  end
  local from, last = text:find("<?xml", 1, true)
  while from do
    local ends, after = text:find("?>", last + 1, true)
    if not ends then
      return false
    end
    for set in text:sub(last + 1, ends - 1):gmatch("encoding%s*=%s*[\"']([^\"']*)") do
      if not READABLE[set:lower()] then
        return true
      end
    end
    from, last = text:find("<?xml", after + 1, true)
  end
  return false
end

-- The character sets that a text names: nil if one of them cannot be read or is named in a way that is not understood.
local function charset_of(text)
  local lower, found, position = text:lower(), "", 1
  local from, last = lower:find("charset", 1, true)
  while from do
    local set = lower:match("^%s*=%s*\"?([^\";,%s]*)", last + 1)
    if not set or not READABLE[set] or (found ~= "" and found ~= set) then
      return nil
    end
    found, position = set, last + 1
    from, last = lower:find("charset", position, true)
  end
  return found
end

-- The name of the first rule that a text breaks as it is, or in any way in which its receiver may read it: whatever was encoded
-- in whatever is undone in every order. Second, whether it cannot be read so far.
local function broken_rule(rules, text, latin)
  local known, found, total = {}, {}, 0
  local function read(reading)
    if known[reading] then
      return nil
    end
    known[reading], found[#found + 1], total = true, reading, total + #reading
    return broken(rules, reading)
  end
  local name, at = read(text), 1
  if not name and latin then
    name = read(from_latin(text))
  end
  while found[at] and not name do
    if unreadable_xml(found[at]) then
      return nil, true
    end
    for _, undo in ipairs(UNDONE) do
      name = name or read(undo(found[at]))
      if #found > MOST_READINGS or total > MOST_READ then
        return name, not name
      end
    end
    at = at + 1
  end
  return name, false
end

-- Why nobody could read this request's body: status and words; nothing if it is readable.
local function unreadable(headers, max)
  if headers:get("upgrade") or headers:get(":method") == "CONNECT" then
    return 400, "the request asks for a connection of another protocol, which cannot be read"
  end
  for _, name in ipairs({"content-encoding", "grpc-encoding"}) do
    local encoding = headers:get(name)
    if encoding and encoding:lower() ~= "identity" then
      return 415, "the body is encoded and cannot be read"
    end
  end
  if not charset_of(headers:get("content-type") or "") then
    return 415, "the body's character set cannot be read"
  end
  local length = headers:get("content-length")
  if length and not (tonumber(length) and tonumber(length) <= max) then
    return 413, "the body is too large to be read"
  end
end

-- The whole body, held back until it is here; nil if it is longer than `max`.
local function held(handle, max)
  local body = handle:body()
  if not body then
    return ""
  end
  local length = body:length()
  if length > max then
    return nil
  end
  return length == 0 and "" or body:getBytes(0, length)
end

-- The same from a copy of what passes by; nothing is held back.
local function passing(handle, max)
  local parts, total = {}, 0
  for chunk in handle:bodyChunks() do
    local length = chunk:length()
    total = total + length
    if total > max then
      return nil
    end
    if length > 0 then
      parts[#parts + 1] = chunk:getBytes(0, length)
    end
  end
  return table.concat(parts)
end

-- Whether a body says of itself that it is written in a way that is not read here.
local function unreadable_body(kind, body)
  if body:find("^\254\255") or body:find("^\255\254") or body:find("^%z%z\254\255") then
    return true
  end
  if not (kind:find("^%s*multipart/") or kind:find("^%s*message/")) then
    return false
  end
  local lower = body:lower()
  for encoding in lower:gmatch("content%-transfer%-encoding%s*:%s*([^%s;]*)") do
    if not AS_IS[encoding] then
      return true
    end
  end
  return lower:find("content-encoding", 1, true) ~= nil or not charset_of(lower)
end

-- What is wrong with a request: status and words; nothing if it may leave.
local function judge(handle, host)
  local headers = handle:headers()
  local rule, unread = broken_rule(host.rules, headers:get(":path") or "")
  if rule then
    return 400, "the path or query breaks the rule " .. rule
  elseif unread then
    return 400, "the path or query is encoded in ways that cannot be read"
  end
  local status, words = unreadable(headers, host.max)
  if status then
    return status, words
  end
  local kind = (headers:get("content-type") or ""):lower()
  local body = (host.enforce and held or passing)(handle, host.max)
  if not body then
    return 413, "the body is too large to be read"
  end
  if unreadable_body(kind, body) then
    return 415, "the body's character set or encoding cannot be read"
  end
  rule, unread = broken_rule(host.rules, body, charset_of(kind) == LATIN or body:lower():find(LATIN, 1, true) ~= nil)
  if rule then
    return 400, "the body breaks the rule " .. rule
  elseif unread then
    return 415, "the body is encoded in ways that cannot be read"
  end
end

-- Who sent it, by the certificate of the mesh.
local function sender(handle)
  return handle:streamInfo():downstreamSslConnection():uriSanPeerCertificate()[1]
end

function envoy_on_request(handle)
  -- An error that leaves this function would let the request pass.
  local found, name = pcall(function()
    return host_of(handle:headers():get(":authority"))
  end)
  local host = HOSTS[found and name]
  if found and not host then
    return
  end
  local ran, status, words = false, nil, nil
  if found then
    ran, status, words = pcall(judge, handle, host)
  end
  if not ran then
    status, words = 500, "the inspection itself failed"
  end
  if not status then
    return
  end
  local enforce = not host or host.enforce
  local known, who = pcall(sender, handle)
  pcall(function()
    handle:logWarn(string.format(
      "egress inspection: %s; host=%s status=%d reason=\"%s\" from=%s",
      enforce and "refused" or "would refuse", found and name or "unknown", status, words, known and who or "unknown"
    ))
  end)
  if enforce then
    handle:respond(
      {[":status"] = tostring(status), ["content-type"] = "text/plain"},
      "Refused by the egress gateway: " .. words .. ".\n"
    )
  end
end
