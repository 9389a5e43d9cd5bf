# Between two phrases there is a zero-width space (U+200B): a line breaks only there, at a blank or after
# punctuation. Titles and attributes are shown without it.

## 画面の枠
language-name = 日本語
language-switch = 表示言語
skip-to-content = 本文へ​移動
page-title = { $title }｜{ $service }
page-title-error = エラー：{ $title }｜{ $service }
panel-heading = { $service }への​ログイン
panel-host = アドレスバーの​表示が​{ $host }であることを​ご確認ください。
panel-steps = パスワードと、携帯電話に​届く​認証コードの​2段階で​認証します。
panel-share = 認証コードや​パスワードを、電話・メール・SMSで​お聞きすることは​ありません。
support-link = お問い合わせ窓口
support-phone = お問い合わせ窓口（電話）：
privacy-link = プライバシーポリシー
terms-link = 利用規約
cancel = ログインを​やめる

## ログイン
login-title = ログイン
login-lead = ユーザーIDと​パスワードを​入力してください。
login-username = ユーザーID
login-password = パスワード
login-show-password = パスワードを​表示する
login-hide-password = パスワードを​隠す
login-show-short = 表示
login-hide-short = 隠す
login-caps-lock = Caps Lockが​オンになっています。
login-submit = 次へ​進む
login-failed = ユーザーIDまたは​パスワードが​正しく​ありません。
login-throttled = ログインの​操作が​続いたため、一時的に​受け付けを​停止しています。{ $until }以降に​もう一度​お試しください。
login-must-change = パスワードの​変更が​必要です。お使いの​組織の​パスワード変更画面で​変更してから、​もう一度​ログインしてください。
login-busy = ただいま​混み合っています。少し​待ってから​もう一度​お試しください。
login-username-missing = ユーザーIDを​入力してください。
login-password-missing = パスワードを​入力してください。
login-signed-out = ログアウトしました。
login-continue-to = ログインすると、元の​ページに​移動します。
login-expired = 一定時間が​経過したため、ログインを​最初から​やり直してください。
login-cancelled = ログインを​中止しました。
login-help-title = ログインできないとき
login-help-text = ユーザーIDや​パスワードを​お忘れの​場合は、お問い合わせ窓口に​ご連絡ください。
login-help-privacy = 共用の​端末では、ご利用後に​必ず​ログアウトしてください。

## 確認事項（エラーのまとめ）
summary-check = 入力内容を​確認してください
summary-wait = もう少し​お待ちください
summary-ended = 認証コードが​使えなくなりました
summary-expired = 有効期限が​切れました
summary-unavailable = ただいま​ご利用いただけません

## 追加認証
prompt-submit = 認証する
prompt-expires = { $expires }まで​有効です。
prompt-numeric-hint = 半角・全角​どちらの​数字でも​入力できます。
prompt-help-title = お困りのとき
prompt-wait = あと{ $length }​お待ちください。
prompt-ready = 「{ $action }」を​利用できるように​なりました。
passkey-needs-script = この​手順には​JavaScriptが​必要です。ブラウザーの​設定で​有効にして、ページを​再読み込みしてください。
passkey-unsupported = この​ブラウザーは​パスキーに​対応していません。別の​ブラウザーを​お使いください。
passkey-failed = パスキーを​確認できませんでした。もう一度​お試しください。
prompt-requested-from = 接続元の​IPアドレスは​{ $address }です。ご自身の​操作でない場合は、認証コードを​入力せずに、この​画面を​閉じてください。
prompt-other-login = この​ブラウザーで​別の​ログインが​始まったため、送信した​内容は​使用しませんでした。この​画面の​ログインを​続けてください。

## お知らせの画面
message-unavailable-title = ただいま​認証できません
message-unavailable-body = 認証に​必要な​機能を​一時的に​利用できません。しばらくしてから​もう一度​お試しください。
message-locked-title = 一時的に​利用できません
message-locked-body = 認証コードの​入力の​誤りが​続いたため、SMS認証を​一時的に​停止しています。操作した​覚えが​ない場合は、パスワードを​第三者に​知られている​おそれが​あります。お問い合わせ窓口に​ご連絡ください。
message-blocked-title = 認証を​続けられません
message-blocked-body = この​認証方法は​現在​利用できません。お問い合わせ窓口に​ご連絡ください。
message-expired-title = ログイン手続きの​有効期限が​切れました
message-expired-body = 一定時間が​経過したため、ログインを​最初から​やり直してください。入力した​内容は​保存されていません。
message-session-lost-title = ログイン手続きを​続けられません
message-session-lost-body = ほかの​タブで​ログインが​完了しているか、ブラウザーの​設定で​Cookieが​無効になっている​可能性が​あります。Cookieを​有効にして、ログインから​やり直してください。
message-bad-request-title = 操作を​受け付けられませんでした
message-bad-request-body = 送信された​内容を​読み取れませんでした。トップページから、もう一度​操作してください。
message-csrf-title = 画面の​有効期限が​切れました
message-csrf-body = 安全のため、送信された​内容を​受け付けませんでした。ページを​開き直してから、もう一度​操作してください。
message-not-found-title = ページが​見つかりません
message-not-found-body = アドレスが​変わったか、ページが​削除された​可能性が​あります。アドレスを​ご確認いただくか、トップページから​お探しください。
message-method-title = この​操作は​できません
message-method-body = この​アドレスでは、その​操作を​受け付けていません。トップページから、もう一度​操作してください。
message-timeout-title = 時間内に​受信できませんでした
message-timeout-body = 送信に​時間が​かかったため、内容を​受け付けませんでした。通信の​状態を​ご確認のうえ、もう一度​操作してください。
message-too-large-title = 送信された​内容が​大きすぎます
message-too-large-body = 受け付けられる​大きさの​上限（{ $limit }）を​超えています。前の​画面に​戻り、内容を​減らしてから、もう一度​お試しください。
message-uri-too-long-title = アドレスが​長すぎます
message-uri-too-long-body = 受け付けられる​長さの​上限（{ $limit }文字）を​超えています。アドレスを​短くするか、トップページから​もう一度​操作してください。
message-misdirected-title = この​アドレスでは​利用できません
message-misdirected-body = この​アドレスで​利用できる​サービスは​ありません。アドレスを​ご確認いただくか、ログイン画面から​お進みください。
message-forbidden-title = この​ページを​表示する​権限が​ありません
message-forbidden-body = この​ページを​利用するには​権限が​必要です。お問い合わせ窓口に​ご連絡ください。
message-internal-title = 問題が​発生しました
message-internal-body = 処理を​完了できませんでした。しばらくしてから​もう一度​お試しください。
message-busy-title = ただいま​混み合っています
message-busy-body = アクセスが​集中しています。少し​待ってから​もう一度​お試しください。
message-outage-title = ただいま​処理できません
message-outage-body = 一時的な​問題が​発生しています。少し​待ってから​もう一度​お試しください。
message-upstream-title = サービスに​接続できません
message-upstream-body = サービスが​一時的に​応答していません。しばらくしてから​もう一度​お試しください。
message-upstream-slow-title = サービスからの​応答が​ありません
message-upstream-slow-body = 応答に​時間が​かかっています。しばらくしてから​もう一度​お試しください。
message-retry-at = { $until }以降に​もう一度​お試しください。
message-retry = もう一度​試す
message-reload = もう一度​表示する
message-login-again = ログイン画面へ
message-home = トップページへ
message-account = アカウントの​確認と​ログアウト
message-back-to-factor = 認証の​画面へ​戻る
message-reference = お問い合わせ番号：{ $reference }
message-cookies-title = ブラウザーが​Cookieを​保存していません
message-cookies-body = ログインには​Cookieが​必要です。この​サイトの​Cookieを​許可してから、ログイン画面へ​進んでください。入力した​内容は​保存されていません。
message-not-sent-title = まだ​送信されていません
message-not-sent-body = もう一度​ログインが​必要なため、送信した​内容は​サービスに​届いていません。入力した​内容は​この​タブに​残っています。新しい​タブで​ログインした​あと、この​タブに​戻って​ページを​再読み込みしてください。ブラウザーが​再送信の​確認を​表示します。
message-login-title = ログインが​必要です
message-login-body = ログインしていないか、ログインの​有効期限が​切れています。ログインしてから、もう一度​お試しください。
message-step-up-title = 再度の​認証が​必要です
message-step-up-body = 前回の​認証から​時間が​経過しているか、別の​認証が​必要です。認証してから、もう一度​お試しください。
message-login-new-tab = 新しい​タブで​ログインする

## アカウント
account-title = アカウント
account-lead = ログイン中の​アカウントの​情報です。
account-user = ユーザーID
account-name = 表示名
account-phone = 認証コードの​送信先
account-phone-ending = 末尾{ $digits }
account-phone-none = 登録されていません
account-phone-note = 送信先の​変更は、お問い合わせ窓口に​ご連絡ください。
account-session = 現在の​ログイン
account-signed-in-at = ログイン日時
account-methods = 認証方法
account-expires-at = ログインの​有効期限
account-idle = 操作が​ないときは、{ $idle }で​自動的に​ログアウトします。
account-address = 接続元の​IPアドレス
account-continue = サービスへ​戻る
account-logout = ログアウトする
logout-title = ログアウトしますか
logout-body = ログアウトすると、次に​利用するときに​パスワードと​認証コードの​入力が​必要になります。
logout-stay = ログアウトせずに​戻る
reverify-title = もう一度​認証してください
reverify-body = この​ページを​開くには、もう一度​認証が​必要です。ログインしたままで​認証できます。
reverify-continue = 認証に​進む
reverify-back = サービスに​戻る
method-pwd = パスワード
method-sms = SMS認証
method-otp = ワンタイムパスワード
method-other = { $name }

## 時間
duration-seconds = { $n }秒
duration-minutes = { $n }分
duration-minutes-seconds = { $m }分{ $s }秒
duration-hours = { $n }時間
clock-time = { $hour }時{ $minute }分
clock-time-seconds = { $hour }時{ $minute }分{ $second }秒
month = { $month }月
weekday = { $weekday ->
    [1] 月
    [2] 火
    [3] 水
    [4] 木
    [5] 金
    [6] 土
   *[7] 日
}
date-time = { $month }月{ $day }日（{ weekday }）​{ $time }
date-time-year = { $year }年{ $month }月{ $day }日（{ weekday }）​{ $time }

## SMSの認証コード
otp-title = 認証コードを​入力
otp-title-new = 新しい​認証コードが​必要です
otp-sent = 携帯電話（末尾{ $to }）に、{ $digits }桁の​認証コードを​SMSで​送信しました。
otp-sending = 携帯電話（末尾{ $to }）に、{ $digits }桁の​認証コードを​SMSで​送信しています。1分ほど​待っても​届かないときは、再送信してください。
otp-warning = 認証コードを​ほかの​人に​教えないでください。電話などで​お聞きすることは​ありません。
otp-label = 認証コード
otp-hint = { $expires }まで​有効です。半角・全角​どちらの​数字でも​入力できます。
otp-resend = 認証コードを​再送信する
otp-new-code = 新しい​認証コードを​受け取る
otp-resent = 同じ​認証コードを​もう一度​送信しました。先に​届いた​SMSの​コードも​使えます。
otp-resending = 認証コードを​再送信しています。届くまで​少し​お待ちください。
otp-new-code-sent = 新しい​認証コードを​送信しました。以前の​認証コードは​使えません。
otp-new-code-sending = 新しい​認証コードを​送信しています。以前の​認証コードは​使えません。
otp-delivered = SMSは​携帯電話に​届いています。メッセージアプリを​ご確認ください。
otp-out-of-range = 携帯電話が​圏外か、電源が​入っていないため、SMSが​届いていません。電波の​届く​場所で​少し​お待ちください。届かないときは​再送信してください。
otp-not-delivered = SMSを​届けられませんでした。再送信してください。
otp-empty = 認証コードを​入力してください。
otp-malformed = 認証コードは​{ $digits }桁の​数字で​入力してください。
otp-wrong = 認証コードが​正しく​ありません。あと{ $attempts_left }回​入力できます。
otp-expired = 認証コードの​有効期限が​切れました。新しい​認証コードを​受け取ってください。
otp-exhausted = 入力できる​回数を​超えたため、この​認証コードは​使えなくなりました。新しい​認証コードを​受け取ってください。
otp-resend-wait = あと{ $length }で​再送信できます。
otp-resend-exhausted = 再送信の​回数が​上限に​達しました。新しい​認証コードを​受け取ってください。
otp-resend-failed = ただいま​SMSを​送信できません。しばらくしてから​もう一度​お試しください。解消しないときは、お問い合わせ窓口に​ご連絡ください。
otp-limited = SMSの​送信回数が​上限に​達しました。{ $until }以降に​もう一度​お試しください。
otp-locked = 認証コードの​入力の​誤りが​続いたため、SMS認証を​停止しています。{ $until }以降に、ログインから​やり直してください。操作した​覚えが​ない場合は、お問い合わせ窓口に​ご連絡ください。
otp-blocked = 認証コードの​入力の​誤りが​続いたため、SMS認証を​停止しています。再開するには、お問い合わせ窓口に​ご連絡ください。
otp-unavailable = ただいま​SMSを​送信できません。しばらくしてから​もう一度​お試しください。解消しないときは、お問い合わせ窓口に​ご連絡ください。
otp-changed-hands = 登録された​電話番号には​SMSを​送信できません。お問い合わせ窓口に​ご連絡ください。
otp-help-title = SMSが​届かないとき
otp-help-delay = SMSの​到着には​数分​かかることが​あります。
otp-help-signal = 電波状況と​機内モードを​ご確認ください。
otp-help-filter = 迷惑SMSの​設定で​受信を​拒否していないか​ご確認ください。
otp-help-sender = SMSの​送信元は​{ $number }です。
otp-help-kinds = 海外の​電話番号、固定電話、データ専用​SIMでは​SMSを​受け取れません。
otp-tries-limited = SMSの​送信操作が​続いたため、受け付けを​一時的に​停止しています。{ $until }以降に​もう一度​お試しください。
