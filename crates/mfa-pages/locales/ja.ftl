## 画面の枠
language-name = 日本語
language-switch = 表示言語
skip-to-content = 本文へ移動
page-title = { $title } – { $service }
page-title-error = エラー: { $title } – { $service }
panel-heading = { $service }へのログイン
panel-host = アドレスバーの表示が { $host } であることをご確認ください。
panel-steps = パスワードと、携帯電話に届く認証コードの2段階で本人確認を行います。
panel-share = 認証コードやパスワードを、当社から電話やメールでお聞きすることはありません。
support-link = お問い合わせ
cancel = ログインをやめる

## ログイン
login-title = ログイン
login-lead = ユーザー名とパスワードを入力してください。
login-username = ユーザー名
login-password = パスワード
login-show-password = パスワードを表示する
login-hide-password = パスワードを隠す
login-show-short = 表示
login-hide-short = 隠す
login-caps-lock = Caps Lockがオンになっています。
login-submit = 次へ進む
login-failed = ユーザー名またはパスワードが正しくありません。
login-throttled = ログインの試行が続いたため、しばらく受け付けできません。{ $until } 以降にもう一度お試しください。
login-busy = ただいま混み合っています。少し待ってからもう一度お試しください。
login-username-missing = ユーザー名を入力してください。
login-password-missing = パスワードを入力してください。
login-signed-out = ログアウトしました。
login-continue-to = ログインすると、ご覧になろうとしたページへ移動します。
login-expired = 時間が経過したため、ログインを最初からやり直してください。
login-cancelled = ログインを取りやめました。
login-help-title = ログインできないとき
login-help-text = ユーザー名やパスワードをお忘れの場合は、ご利用のサービスの管理者にお問い合わせください。
login-help-privacy = 共用の端末では、ご利用後に必ずログアウトしてください。

## 確認事項（エラーのまとめ）
summary-check = 入力内容を確認してください
summary-wait = もう少しお待ちください
summary-expired = 有効期限が切れました
summary-unavailable = ただいまご利用いただけません

## 追加の認証
prompt-submit = 確認する
prompt-expires = { $until } まで有効です。
prompt-numeric-hint = 半角・全角どちらの数字でも入力できます。
prompt-help-title = お困りのとき
prompt-wait = あと { $clock } で利用できます。
prompt-ready = 利用できるようになりました。
prompt-live-expired = 有効期限が切れました。
prompt-requested-from = このログインは { $address } から行われています。心当たりのないログインの場合は、コードを入力せずにこの画面を閉じてください。

## お知らせの画面
message-unavailable-title = ただいま認証できません
message-unavailable-body = 本人確認に必要な機能が一時的に利用できません。しばらくしてからもう一度お試しください。
message-locked-title = 一時的に利用できません
message-locked-body = 入力の失敗が続いたため、追加の認証を一時的に停止しています。パスワードを変更する必要はありません。
message-blocked-title = 認証を続けられません
message-blocked-body = この認証方法は現在利用できません。ご利用のサービスの管理者にお問い合わせください。
message-expired-title = ログインの有効期限が切れました
message-expired-body = 時間が経過したため、ログインを最初からやり直してください。入力した内容は保存されていません。
message-session-lost-title = ログインの情報が見つかりません
message-session-lost-body = ほかのタブでログインを終えたか、ブラウザーがCookieを保存していない可能性があります。Cookieを有効にして、ログインからやり直してください。
message-bad-request-title = リクエストを処理できません
message-bad-request-body = 送信された内容を読み取れませんでした。前の画面に戻り、もう一度操作してください。
message-csrf-title = 画面の有効期限が切れました
message-csrf-body = 安全のため、送信された内容を受け付けませんでした。ページを開き直してから、もう一度操作してください。
message-not-found-title = ページが見つかりません
message-not-found-body = アドレスが変わったか、ページが削除された可能性があります。
message-method-title = この操作はできません
message-method-body = このアドレスでは、その操作を受け付けていません。
message-too-large-title = 送信された内容が大きすぎます
message-too-large-body = 受け付けられる大きさを超えています。内容を減らして、もう一度お試しください。
message-forbidden-title = このページを表示する権限がありません
message-forbidden-body = このページを利用するには権限が必要です。ご利用のサービスの管理者にお問い合わせください。
message-internal-title = 問題が発生しました
message-internal-body = 処理を完了できませんでした。しばらくしてからもう一度お試しください。
message-busy-title = ただいま混み合っています
message-busy-body = アクセスが集中しています。少し待ってからもう一度お試しください。
message-upstream-title = サービスに接続できません
message-upstream-body = サービスが一時的に応答していません。しばらくしてからページを再読み込みしてください。
message-upstream-slow-title = サービスからの応答がありません
message-upstream-slow-body = 応答に時間がかかっています。しばらくしてからページを再読み込みしてください。
message-retry-at = { $until } 以降にもう一度お試しください。
message-retry = もう一度試す
message-login-again = ログイン画面へ
message-home = トップページへ
message-back-to-factor = 認証の画面へ戻る

## アカウント
account-title = アカウント
account-lead = 現在ログインしている内容です。
account-user = ユーザー名
account-name = 表示名
account-phone = 認証コードの送信先
account-phone-none = 登録されていません
account-phone-note = 送信先の変更は、ご利用のサービスの管理者にお問い合わせください。
account-session = 現在のセッション
account-signed-in-at = ログイン日時
account-methods = 本人確認の方法
account-expires-at = ログインの有効期限
account-address = 接続元
account-continue = サービスへ戻る
account-logout = ログアウトする
logout-title = ログアウトしますか
logout-body = ログアウトすると、次に利用するときにパスワードと認証コードの入力が必要になります。
logout-stay = ログアウトせずに戻る
reverify-title = もう一度認証してください
reverify-body = このページを開くには、もう一度認証が必要です。ログインしたままで認証できます。
reverify-continue = 認証に進む
reverify-back = サービスに戻る
method-pwd = パスワード
method-sms = SMS認証コード
method-otp = ワンタイムコード
method-other = { $name }

## 時間
duration-seconds = { $n }秒
duration-minutes = { $n }分
duration-minutes-seconds = { $m }分{ $s }秒
duration-hours = { $n }時間
month = { $month }月
date-time = { $month }月{ $day }日 { $time }
date-time-year = { $year }年{ $month }月{ $day }日 { $time }

## SMS認証コード
otp-title = 認証コードを入力
otp-title-new = 新しい認証コードが必要です
otp-sent = { $to } に{ $digits }桁の認証コードをSMSで送信しました。
otp-sending = { $to } に{ $digits }桁の認証コードをSMSで送信しています。届かないときは、しばらくしてから再送信してください。
otp-warning = 認証コードをほかの人に教えないでください。当社から電話などでお聞きすることはありません。
otp-label = 認証コード
otp-hint = 半角・全角どちらの数字でも入力できます。{ $expires }まで有効です。
otp-resend = 認証コードを再送信する
otp-new-code = 新しい認証コードを送信する
otp-resent = { $to } に認証コードを再送信しました。最新のSMSをご確認ください。
otp-new-code-sent = { $to } に新しい認証コードを送信しました。以前のコードは使えません。
otp-delivered = SMSが届きました。
otp-out-of-range = 電波の届かない場所にあるか、電源が入っていないため、SMSが届いていません。
otp-not-delivered = SMSを届けられませんでした。再送信してください。
otp-empty = 認証コードを入力してください。
otp-malformed = 認証コードは{ $digits }桁の数字で入力してください。
otp-wrong = 認証コードが正しくありません。あと{ $attempts_left }回入力できます。
otp-expired = 認証コードの有効期限が切れました。新しいコードを送信してください。
otp-exhausted = 入力できる回数を超えました。新しいコードを送信してください。
otp-resend-wait = あと{ $seconds }秒で再送信できます。
otp-resend-exhausted = このコードはこれ以上再送信できません。
otp-resend-failed = ただいまSMSを送信できません。しばらくしてからもう一度お試しください。
otp-limited = SMSの送信回数が上限に達しました。{ $until }以降にもう一度お試しください。
otp-locked = 入力の失敗が続いたため、{ $until }まで利用できません。
otp-blocked = 入力の失敗が続いたため、SMS認証を利用できません。管理者にお問い合わせください。
otp-unavailable = ただいまSMSを送信できません。しばらくしてからもう一度お試しください。
otp-help-delay = SMSの到着には数分かかることがあります。
otp-help-signal = 電波状況と機内モードをご確認ください。
otp-help-filter = 迷惑SMSの設定で受信を拒否していないかご確認ください。
